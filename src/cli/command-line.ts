import { existsSync } from "node:fs";
import { hasZstd } from "../codec/zstd.js";
import { DumpError } from "../errors.js";
import { nearestName, unknownName } from "../nearest-name.js";
import { packageVersion } from "../package-version.js";
import { isStorePath } from "../store/store-url.js";
import { surroundingsError } from "../surroundings.js";
import type { Command, CommandContext } from "./command.js";
import { filterCommand } from "./commands/filter.js";
import { commandNamed } from "./commands.js";
import { wordsWithEffect } from "./options/effects.js";
import { COMMAND_NAMES, type CommandName } from "./options/option.js";
import { checkedText, type OptionWords, parseValues } from "./options/parse-values.js";
import { optionsOf } from "./options/table.js";
import { commandMeant, otherWord } from "./other-words.js";
import { plainWords } from "./plain-words.js";
import { printOwn } from "./print.js";
import type { ParsedWords } from "./yargs-words.js";

/**
 * Words that other programs accept for the help or the version. They count if they stand alone and no file has that
 * name.
 */
const ALONE: Readonly<Record<string, string>> = { "-?": "--help", "/?": "--help", version: "--version" };

type Run = () => ReturnType<Command["run"]>;
type Surroundings = Omit<CommandContext, "commands">;

/**
 * Parses the command line and returns the function that runs it. The first word selects the command; a filter run has
 * no command word, so a dump called "info" must be written `./info`. Throws `BAD_OPTION`.
 */
export async function parseCommandLine(words: readonly string[], surroundings: Surroundings): Promise<Run> {
  if (words.length === 0) return firstScreen();
  const argv = privacyWords(words.length === 1 ? words.map((word) => ALONE[word] ?? word) : words);
  const context = { ...surroundings, commands: { names: COMMAND_NAMES, load: commandNamed } };
  const named = await commandNamed(argv[0]);
  if (named === undefined) checkFirstWord(argv[0]);
  return named === undefined ? parse(filterCommand, argv, context, true) : parse(named, argv.slice(1), context, false);
}

/** For an empty command line: prints the help, and ends with an error's exit code. */
async function firstScreen(): Promise<Run> {
  const { HELP } = await import("./help.js");
  return async () => {
    printOwn(HELP);
    return 2;
  };
}

/**
 * Checks the first word before other words are blamed for belonging to another command. Throws `BAD_OPTION` for a word
 * that is similar to a command, or is one in other programs, and is not a file.
 */
function checkFirstWord(word = ""): void {
  if (!/^[a-z][a-z-]*$/.test(word)) return;
  const other = commandMeant(word);
  const meant = nearestName(word, COMMAND_NAMES);
  if ((other ?? meant) === undefined || existsSync(word)) return;
  if (other !== undefined) throw otherWord("command", word, other);
  throw unknownName("command", word, meant, "`coresieve --help` lists the commands");
}

/** `bare`: without a command word; then `--help` prints the general help. */
async function parse(command: Command, argv: readonly string[], context: CommandContext, bare: boolean): Promise<Run> {
  const plain = plainWords(command.name, argv);
  if (plain !== undefined) {
    return checked(command, { ...plain, given: Object.keys(plain.words) }, context);
  }
  try {
    const { yargsWords } = await import("./yargs-words.js");
    let { words, files, given } = yargsWords(command.name, argv);
    if (words["help"] === true) {
      const { commandHelp, HELP } = await import("./help.js");
      return () => printOwn(bare ? HELP : commandHelp(command));
    }
    if (words["version"] === true) return () => printOwn(`${versionText()}\n`);
    const { config } = words;
    if (typeof config === "string") {
      const { wordsOfConfig } = await import("./config-file.js");
      ({ words, files } = yargsWords(command.name, [
        ...(await wordsOfConfig(checkedText({ name: "config" }, config), command.name, given)),
        ...argv,
      ]));
    }
    return checked(command, { words, files, given }, context);
  } catch (error) {
    throw await badCommandLine(error, command, argv);
  }
}

/** Checks all values before anything is opened. */
function checked(command: Command, { words, files, given }: ParsedWords, context: CommandContext): Run {
  if (files.includes("")) {
    throw new DumpError("BAD_OPTION", "the name of a file is empty", {
      cure: "Name the file; perhaps a variable of the shell is not set",
    });
  }
  parseValues(command.name, words);
  checkStoreOptions(command.name, words);
  const values = parseValues(command.name, wordsWithEffect(command.name, words, files, given));
  return () => command.run(files, values as never, context);
}

/** An error of yargs, worded like the other errors. */
async function badCommandLine(error: unknown, command: Command, argv: readonly string[]): Promise<DumpError> {
  if (error instanceof DumpError) return error;
  // yargs needs the working directory when it is loaded.
  const surroundings = surroundingsError(error);
  if (surroundings !== undefined) return surroundings;
  const text = error instanceof Error ? error.message : String(error);
  const { dashed, unknownOptions } = await import("./unknown-option.js");
  const unknown = /^Unknown arguments?: (.*)$/.exec(text)?.[1];
  if (unknown !== undefined) {
    const file = argv.find((word) => /^-[^-]/.test(word) && existsSync(word));
    const found = unknownOptions(unknown.split(/, */), command.name);
    return file === undefined ? found : found.with({ cure: `If you mean the file ${file}, write ./${file}` });
  }
  const what = text.replace(
    /^Not enough arguments following: (.*)$/,
    (_, one: string) => `${dashed(one)} needs a value`,
  );
  return new DumpError("BAD_OPTION", what, { cure: "`coresieve --help` lists the options", cause: error });
}

/**
 * Turns `--privacy strict` and `--privacy=strict` into words that the options understand: `--privacy` is a flag, and
 * the word after it is a file's name, except this one. A dump with that name must be written `./strict`.
 */
export function privacyWords(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf("--");
  const words = end < 0 ? argv : argv.slice(0, end);
  const strict = words.flatMap((word, at) => {
    if (word === "strict" && words[at - 1] === "--privacy") return [];
    const asks = word === "--privacy=strict" || (word === "--privacy" && words[at + 1] === "strict");
    return asks ? ["--privacy-strict"] : [word];
  });
  return end < 0 ? strict : [...strict, ...argv.slice(end)];
}

/** Throws `BAD_OPTION` for an option whose value names an object of a store although the option does not accept one. */
export function checkStoreOptions(command: CommandName, words: OptionWords): void {
  for (const [name, { object }] of optionsOf(command)) {
    const word = words[name];
    if (object === undefined || object === "read" || typeof word !== "string" || !isStorePath(word)) continue;
    throw new DumpError("BAD_OPTION", `--${name} cannot be an object of a store`, { file: word, cure: object.cure });
  }
}

/** The version, and whether zstd is available: the only codec that may be missing. */
export function versionText(): string {
  return `coresieve ${packageVersion()}\nzlib, lzo, snappy: built in\nzstd: ${hasZstd() ? "available" : "not available (npm install zstd-napi, or Node 22.15 and later)"}`;
}
