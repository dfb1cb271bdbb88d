import { DumpError } from "../errors.js";
import type { Command, CommandContext } from "./command.js";
import { filterCommand } from "./commands/filter.js";
import { COMMAND_NAMES, commandNamed } from "./commands.js";
import { HELP } from "./help.js";
import { plainWords } from "./plain-words.js";
import { printLines, printOwn } from "./print.js";
import { versionText } from "./version.js";

/**
 * Reads the command line and returns what it asks for. The first word chooses the command, and a filter run needs none:
 * a dump called "info" is `./info`. Throws `BAD_OPTION`.
 */
export async function parseCommandLine(
  argv: readonly string[],
  given: Omit<CommandContext, "commands">,
): Promise<() => void | Promise<void>> {
  const context = { ...given, commands: { names: COMMAND_NAMES, load: commandNamed } };
  const named = await commandNamed(argv[0]);
  return named === undefined
    ? parse("filter", filterCommand, HELP, argv, context)
    : parse(argv[0] as string, named, named.help, argv.slice(1), context);
}

async function parse(
  name: string,
  command: Command,
  help: string,
  argv: readonly string[],
  context: CommandContext,
): Promise<() => void | Promise<void>> {
  const plain = plainWords(command, argv);
  if (plain !== undefined) {
    await holdObjects(plain);
    return () => command.run(plain._, plain as never, context);
  }
  try {
    const { yargsWords } = await import("./yargs-words.js");
    let { args, given } = yargsWords(command, argv);
    if (args.help) return () => printOwn(help);
    if (args.version) return () => printLines([versionText()]);
    const config = Array.isArray(args.config) ? args.config.at(-1) : args.config;
    if (typeof config === "string") {
      const { wordsOfConfig } = await import("./config-file.js");
      ({ args } = yargsWords(command, [...(await wordsOfConfig(config, name, command, given)), ...argv]));
    }
    const files = args._.map(String);
    const values = lastOfEach(args, command);
    await holdObjects(values);
    return () => command.run(files, values as never, context);
  } catch (error) {
    throw await badCommandLine(error, name, command);
  }
}

/** What options name in a store is opened now: commands open it as a file. Most runs name nothing there. */
async function holdObjects(values: object): Promise<void> {
  const named = Object.entries(values).filter(([, value]) => typeof value === "string" && value.startsWith("s3://"));
  if (named.length > 0) await (await import("./store-options.js")).holdStoreOptions(Object.fromEntries(named));
}

/** Of an option that is named twice the last counts, as in other programs; yargs makes an array of them. */
function lastOfEach(args: object, command: Command): Readonly<Record<string, unknown>> {
  const last = (name: string, value: unknown): unknown =>
    Array.isArray(value) && command.options[name]?.array !== true ? value.at(-1) : value;
  return Object.fromEntries(Object.entries(args).map(([name, value]: [string, unknown]) => [name, last(name, value)]));
}

/** What yargs finds wrong, in the words of the other errors. */
async function badCommandLine(error: unknown, name: string, command: Command): Promise<DumpError> {
  if (error instanceof DumpError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const { dashed, unknownOptions } = await import("./unknown-option.js");
  const unknown = /^Unknown arguments?: (.*)$/.exec(text)?.[1];
  if (unknown !== undefined) return unknownOptions(unknown.split(/, */), name, command);
  const what = text.replace(
    /^Not enough arguments following: (.*)$/,
    (_, one: string) => `${dashed(one)} needs a value`,
  );
  return new DumpError("BAD_OPTION", what, { cure: "`coresieve --help` lists the options", cause: error });
}
