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

/** Parses any command line. Throws `BAD_OPTION`, also for an option that is given twice with different values, and yargs' errors. */
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
    const [first, ...others] = Array.isArray(value) && !repeated ? (value as unknown[]) : [value];
    if (others.some((other) => other !== first)) throw givenTwice({ name, ...option });
    words[name] = first as boolean | string | readonly string[];
  }
  return { words, files: args._.map(String), given: Object.keys(words) };
}

/** Which of the two was meant is not known, and with the wrong one the run would succeed. */
function givenTwice(option: Pick<Option, "name" | "letter">): DumpError {
  return new DumpError("BAD_OPTION", `${shortest(option)} was given twice, with different values`, {
    cure: "Give it once",
  });
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
 * Refuses a flag that is given twice with different values, of which yargs takes the last, and one with a value other
 * than `true` or `false`.
 * yargs takes all other values for `false`: `--privacy=yes` would be a run without privacy, `-z9` a run without
 * compression, and both would succeed. Throws `BAD_OPTION`.
 */
function checkFlags(options: readonly Option[], argv: readonly string[]): void {
  const named = new Map<string, Option>();
  for (const option of options) {
    named.set(option.name, option);
    if (option.letter !== undefined) named.set(option.letter, option);
  }
  const seen = new Map<string, string>();
  const see = (option: Option, called: string, value = "true") => {
    checkValue(called, value);
    if ((seen.get(option.name) ?? value) !== value) throw givenTwice(option);
    seen.set(option.name, value);
  };
  for (const [at, word] of argv.entries()) {
    if (word === "--") return;
    const next = argv[at + 1];
    const behind = next === "true" || next === "false" ? next : undefined;
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(word);
    // yargs also accepts long names in camel case.
    const flag = named.get(long?.[1]?.replace(/(?<=.)[A-Z]/g, (letter) => `-${letter.toLowerCase()}`) ?? "");
    if (flag?.kind === "flag") see(flag, `--${flag.name}`, long?.[2] ?? behind);
    if (/^-[^-]/.test(word)) checkLetters(named, word.slice(1), behind, see);
  }
}

/**
 * Letters behind one dash: each is a flag, up to one that takes the rest as its value. `behind`: the next word, if it
 * is the last letter's value.
 */
function checkLetters(
  named: ReadonlyMap<string, Option>,
  letters: string,
  behind: string | undefined,
  see: (option: Option, called: string, value?: string) => void,
): void {
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i] as string;
    const option = named.get(letter);
    if (option?.kind !== "flag") return;
    const rest = letters.slice(i + 1);
    const hasValue = /^[^A-Za-z]/.test(rest);
    see(option, `-${letter}`, hasValue ? rest.replace(/^=/, "") : rest === "" ? behind : undefined);
    if (hasValue) return;
  }
}

function checkValue(flag: string, value: string): void {
  if (value === "true" || value === "false") return;
  throw new DumpError("BAD_OPTION", `${flag} takes no value, but "${shown(value)}" was given`, {
    cure: `Write ${flag} alone, or leave it out`,
  });
}
