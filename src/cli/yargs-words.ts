import yargs, { type Options } from "yargs";
import { DumpError } from "../errors.js";
import type { CommandName, Option } from "./options/option.js";
import { type OptionWords, shown } from "./options/parse-values.js";
import { GENERAL_OPTIONS, optionsOf, shortest } from "./options/table.js";

/** A parsed command line. */
export interface ParsedWords {
  readonly words: OptionWords;
  readonly files: readonly string[];
  /** Long names of the options on the command line. */
  readonly given: readonly string[];
}

/** Parses any command line. Throws `BAD_OPTION`, also for an option that is given twice, and yargs' errors. */
export function yargsWords(command: CommandName, argv: readonly string[]): ParsedWords {
  const options = [...GENERAL_OPTIONS, ...optionsOf(command).values()] as readonly Option[];
  checkFlags(options, argv);
  const args: Readonly<Record<string, unknown>> & { readonly _: readonly (string | number)[] } = yargs()
    .scriptName("coresieve")
    // Messages in the language of the help; no --no-zlib.
    .locale("en")
    .parserConfiguration({ "boolean-negation": false, "dot-notation": false, "parse-positional-numbers": false })
    .help(false)
    .version(false)
    .options(Object.fromEntries(options.map((option) => [option.name, yargsOption(option)])))
    .strictOptions()
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    })
    .parseSync(argv);
  const words: Record<string, boolean | string | readonly string[]> = {};
  for (const { name, ...option } of options) {
    const value = args[name];
    if (value === undefined) continue;
    const repeated = "repeated" in option && option.repeated !== undefined;
    if (Array.isArray(value) && !repeated) throw givenTwice({ name, ...option });
    words[name] = value as boolean | string | readonly string[];
  }
  return { words, files: args._.map(String), given: Object.keys(words) };
}

/** Which of the two was meant is not known, and with the wrong one the run would succeed. */
function givenTwice(option: Pick<Option, "name" | "letter">): DumpError {
  return new DumpError("BAD_OPTION", `${shortest(option)} was given twice`, { cure: "Give it once" });
}

function yargsOption(option: Option): Options {
  const { kind, letter } = option;
  const alias = letter === undefined ? {} : { alias: letter };
  if (kind === "flag") return { type: "boolean", ...alias };
  const repeated = "repeated" in option ? option.repeated : undefined;
  const array = repeated === undefined ? {} : { array: true, ...(repeated === "each" ? { nargs: 1 } : {}) };
  return { type: "string", requiresArg: true, ...alias, ...array };
}

/**
 * Refuses a flag that is given twice, which yargs does not report, and one with a value other than `true` or `false`.
 * yargs takes all other values for `false`: `--privacy=yes` would be a run without privacy, `-z9` a run without
 * compression, and both would succeed. Throws `BAD_OPTION`.
 */
function checkFlags(options: readonly Option[], argv: readonly string[]): void {
  const named = new Map<string, Option>();
  for (const option of options) {
    named.set(option.name, option);
    if (option.letter !== undefined) named.set(option.letter, option);
  }
  const seen = new Set<string>();
  const see = (option: Option) => {
    if (seen.has(option.name)) throw givenTwice(option);
    seen.add(option.name);
  };
  for (const word of argv) {
    if (word === "--") return;
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(word);
    // yargs also accepts long names in camel case.
    const flag = named.get(long?.[1]?.replace(/(?<=.)[A-Z]/g, (letter) => `-${letter.toLowerCase()}`) ?? "");
    if (flag?.kind === "flag") {
      see(flag);
      if (long?.[2] !== undefined) checkValue(`--${flag.name}`, long[2]);
    }
    if (/^-[^-]/.test(word)) checkLetters(named, word.slice(1), see);
  }
}

/** Letters behind one dash: each is a flag, up to one that takes the rest as its value. */
function checkLetters(named: ReadonlyMap<string, Option>, letters: string, see: (option: Option) => void): void {
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i] as string;
    const option = named.get(letter);
    if (option?.kind !== "flag") return;
    see(option);
    const rest = letters.slice(i + 1);
    if (/^[^A-Za-z]/.test(rest)) {
      checkValue(`-${letter}`, rest.replace(/^=/, ""));
      return;
    }
  }
}

function checkValue(flag: string, value: string): void {
  if (value === "true" || value === "false") return;
  throw new DumpError("BAD_OPTION", `${flag} takes no value, but "${shown(value)}" was given`, {
    cure: `Write ${flag} alone, or leave it out`,
  });
}
