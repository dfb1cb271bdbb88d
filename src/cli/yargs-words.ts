import yargs, { type Options } from "yargs";
import { DumpError } from "../errors.js";
import type { CommandName, Option } from "./options/option.js";
import { type OptionWords, shown } from "./options/parse-values.js";
import { GENERAL_OPTIONS, optionsOf } from "./options/table.js";

/** A command line as yargs parses it. */
interface ParsedWords {
  readonly words: OptionWords;
  readonly files: readonly string[];
  /** Long names of the options on the command line. */
  readonly given: readonly string[];
}

/**
 * Parses any command line. If an option is given twice the last one counts, as in other programs. Throws `BAD_OPTION`,
 * and yargs' errors.
 */
export function yargsWords(command: CommandName, argv: readonly string[]): ParsedWords {
  const options = [...GENERAL_OPTIONS, ...optionsOf(command).values()] as readonly Option[];
  checkFlagValues(options, argv);
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
    words[name] = (Array.isArray(value) && !repeated ? value.at(-1) : value) as boolean | string | readonly string[];
  }
  return { words, files: args._.map(String), given: Object.keys(words) };
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
 * Refuses a flag with a value other than `true` or `false`. yargs takes all other values for `false`: `--privacy=yes`
 * would be a run without privacy, `-z9` a run without compression, and both would succeed. Throws `BAD_OPTION`.
 */
export function checkFlagValues(options: readonly Option[], argv: readonly string[]): void {
  const isFlag = new Map<string, boolean>();
  for (const { name, letter, kind } of options) {
    isFlag.set(name, kind === "flag");
    if (letter !== undefined) isFlag.set(letter, kind === "flag");
  }
  for (const word of argv) {
    if (word === "--") return;
    const long = /^--([^=]+)=(.*)$/s.exec(word);
    // yargs also accepts long names in camel case.
    const name = long?.[1]?.replace(/(?<=.)[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (name !== undefined && isFlag.get(name) === true) checkValue(`--${name}`, long?.[2] ?? "");
    if (/^-[^-]/.test(word)) checkLetters(isFlag, word.slice(1));
  }
}

/** Letters behind one dash: each is a flag, up to one that takes the rest as its value. */
function checkLetters(isFlag: ReadonlyMap<string, boolean>, letters: string): void {
  for (let i = 0; i < letters.length; i++) {
    const letter = letters[i] as string;
    if (isFlag.get(letter) !== true) return;
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
