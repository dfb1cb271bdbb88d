import type { WorkerThreads } from "../worker/threads.js";
import type { CommandName } from "./options/option.js";
import type { OptionValues } from "./options/table.js";

/** The commands there are. */
export interface CommandTable {
  readonly names: readonly CommandName[];
  /** Loads the command of that name, if there is one. */
  load(name: string): Promise<Command | undefined>;
}

/** What the commands are given beside their arguments. */
export interface CommandContext {
  readonly signal: AbortSignal;
  /** For commands about commands: they cannot import them all. */
  readonly commands: CommandTable;
  /** Threads that were started before the command line was read; only a filter run has them. */
  readonly threads: WorkerThreads | undefined;
}

/** What the help of a command says beside its options (help.ts). Lines have 80 letters at most. */
export interface CommandAbout {
  /** How it is called: what it does. */
  readonly usage: string;
  /** Paragraphs in front of the options. */
  readonly text?: string;
  /** Examples and exit codes, behind the options. */
  readonly examples?: string;
}

/** The exit code of a command that was done, where it is not 0. What was thrown has its own (stop.ts). */
export type CommandEnd = number | undefined;

/** One command: its options stand in the table of options. */
export interface Command {
  readonly name: CommandName;
  readonly about: CommandAbout;
  /** `files` are all words that are no options. Throws `DumpError`. */
  run(
    files: readonly string[],
    values: never,
    context: CommandContext,
  ): CommandEnd | void | Promise<CommandEnd> | Promise<void>;
}

/** Takes a command whose `run` gets the checked values of its options. */
export function defineCommand<Name extends CommandName>(command: {
  readonly name: Name;
  readonly about: CommandAbout;
  run(files: readonly string[], values: OptionValues<Name>, context: CommandContext): ReturnType<Command["run"]>;
}): Command {
  return command;
}
