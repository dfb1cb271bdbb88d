import type { InferredOptionTypes, Options } from "yargs";
import type { WorkerThreads } from "../worker/threads.js";

/** The commands there are. */
export interface CommandTable {
  readonly names: readonly string[];
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

type CamelCase<Name> = Name extends `${infer Head}-${infer Rest}` ? `${Head}${Capitalize<CamelCase<Rest>>}` : Name;

/** The values of a command's options by their names in camel case: `--num-threads` is `numThreads`. */
export type OptionValues<O extends Record<string, Options>> = {
  readonly [Name in keyof InferredOptionTypes<O> as CamelCase<Name>]: InferredOptionTypes<O>[Name];
};

/** One command: its options as yargs wants them, and its work. */
export interface Command {
  /** What `coresieve NAME --help` prints: by hand, 80 columns, one screen. A test compares it with the options. */
  readonly help: string;
  readonly options: Readonly<Record<string, Options>>;
  /** Options that may be expected here and cannot be, by their long names: why. */
  readonly refused?: Readonly<Record<string, string>>;
  /** `files` are all words that are no options. Throws `DumpError`. */
  run(files: readonly string[], values: never, context: CommandContext): void | Promise<void>;
}

/** Takes a command whose `run` gets its values typed by its options. */
export function defineCommand<const O extends Record<string, Options>>(command: {
  readonly help: string;
  readonly options: O;
  readonly refused?: Readonly<Record<string, string>>;
  run(files: readonly string[], values: OptionValues<O>, context: CommandContext): void | Promise<void>;
}): Command {
  return command;
}

/** An option with a value. */
export const VALUE = { type: "string", requiresArg: true } as const;
/** An option that is there or not. */
export const FLAG = { type: "boolean", default: false } as const;
