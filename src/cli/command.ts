import type { WorkerThreads } from "../worker/threads.js";
import type { CommandName } from "./options/option.js";
import type { OptionValues } from "./options/table.js";

/** All commands. */
export interface CommandTable {
  readonly names: readonly CommandName[];
  /** Loads the command of that name, if there is one. */
  load(name: string): Promise<Command | undefined>;
}

/** What commands get in addition to their arguments. */
export interface CommandContext {
  readonly signal: AbortSignal;
  /** For commands about commands, which cannot import them all. */
  readonly commands: CommandTable;
  /** Threads that were started before the command line was parsed; only for a filter run. */
  readonly threads: WorkerThreads | undefined;
}

/** The texts of a command's help in addition to its options (help.ts). Lines have at most 80 characters. */
export interface CommandAbout {
  /** How to call it, and what it does. */
  readonly usage: string;
  /** Paragraphs before the options. */
  readonly text?: string;
  /** Examples and exit codes, after the options. */
  readonly examples?: string;
}

/** The exit code of a successful command, if it is not 0. Errors have their own (stop.ts). */
export type CommandEnd = number | undefined;

/** A command. Its options are in the table of options. */
export interface Command {
  readonly name: CommandName;
  readonly about: CommandAbout;
  /** `files` are all words that are not options. Throws `DumpError`. */
  run(
    files: readonly string[],
    values: never,
    context: CommandContext,
  ): CommandEnd | void | Promise<CommandEnd> | Promise<void>;
}

/** Defines a command whose `run` gets the checked values of its options. */
export function defineCommand<Name extends CommandName>(command: {
  readonly name: Name;
  readonly about: CommandAbout;
  run(files: readonly string[], values: OptionValues<Name>, context: CommandContext): ReturnType<Command["run"]>;
}): Command {
  return command;
}
