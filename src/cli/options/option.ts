/** Names of the commands. src/cli/commands.ts loads them. */
export const COMMAND_NAMES = [
  "audit",
  "bench",
  "filter",
  "handover",
  "dmesg",
  "verify",
  "report",
  "estimate",
  "split",
  "reassemble",
  "rearrange",
  "completion",
  "submit",
  "worker",
  "jobs",
  "plan",
  "shard",
  "finish",
  "staging",
  "uploads",
  "help",
  "info",
] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

/** Commands that open a dump. */
export const OPENING = [
  "filter",
  "split",
  "submit",
  "plan",
  "handover",
  "audit",
  "verify",
  "dmesg",
  "info",
  "estimate",
  "bench",
  "report",
] as const satisfies readonly CommandName[];

/** Commands with options about what is dropped and how pages are compressed. */
export const FILTERING = ["filter", "split", "submit", "plan"] as const satisfies readonly CommandName[];

/** Commands with options about how pages are compressed. */
export const COMPRESSING = [...FILTERING, "handover"] as const satisfies readonly CommandName[];

/** The kind of an option's value, and so of the parsed value (parse-values.ts). */
type OptionKind =
  | { readonly kind: "flag" }
  /**
   * `repeated`: the option is given once per value ("each"), or may also be followed by several values ("many").
   * `suggested`: for completion.
   */
  | {
      readonly kind: "text" | "file" | "folder";
      readonly value: string;
      readonly repeated?: "each" | "many";
      readonly suggested?: readonly string[];
    }
  /** A whole number. `auto`: a word for the default. */
  | {
      readonly kind: "number";
      readonly value: string;
      readonly least: number;
      readonly most: number;
      readonly auto?: string;
    }
  /** Whole numbers separated by commas. `all`: a word for all of them. */
  | {
      readonly kind: "numbers";
      readonly value: string;
      readonly least: number;
      readonly most: number;
      readonly all?: string;
    }
  /** 0 to 100, with an optional percent sign. */
  | { readonly kind: "percent"; readonly value: string }
  /** Bytes, with an optional suffix K, M, G, T, P, E (powers of 1024). */
  | { readonly kind: "size"; readonly value: string }
  | { readonly kind: "choice"; readonly value: string; readonly choices: readonly string[] }
  /** Choices separated by commas. `empty`: the list may be empty. */
  | { readonly kind: "list"; readonly value: string; readonly choices: readonly string[]; readonly empty?: true };

/** What the output of a command may be, where options hang on it. */
export type OutputForm = "stdout" | "object" | "url" | "packed" | "unpacked";

/**
 * Where an option has no effect: all the conditions hold. Conditions are names of options, or `NAME=VALUE` for one
 * value. effects.ts refuses the option there, and takes it away if it is from a configuration file.
 */
export interface Idle {
  /** Options on the command line, or of a configuration file only: for the others there is an error of their own. */
  readonly only?: "file";
  /** In these commands only. Default: in all that have the option. */
  readonly in?: readonly CommandName[];
  /** One of these is given. */
  readonly beside?: readonly string[];
  /** None of these is given. */
  readonly without?: readonly string[];
  /** The output has one of these forms. */
  readonly output?: readonly OutputForm[];
}

/**
 * The only description of an option: the parser, the help texts, the manual pages, the completion, the names of the
 * configuration file and the reference (docs/command-line.md) are made from it.
 */
export type Option = OptionKind & {
  /** Long name, without dashes. Two commands may have different options with the same name. */
  readonly name: string;
  readonly letter?: string;
  readonly commands: readonly CommandName[];
  /** Text in the help: mostly one line of 53 characters. */
  readonly help: string;
  /** Text in the reference and the manual, if it is longer. Code between backticks, no links. */
  readonly long?: string;
  /** Link in the reference, as Markdown. */
  readonly see?: string;
  /**
   * Options of one group are alternatives, which are not combined: one of them on the command line overrides all of
   * them in a configuration file.
   */
  readonly same?: "level" | "codec" | "vmcoreinfo" | "format" | "strict";
  readonly idle?: readonly Idle[];
  /** The only other options that have an effect beside it. */
  readonly alone?: readonly string[];
  /** The first words of the command's actions that have it. Default: all. */
  readonly actions?: readonly string[];
  /** Commands that users may expect to have it, and why they do not. */
  readonly refused?: Readonly<Partial<Record<CommandName, string>>>;
  /** Advice for a wrong value. */
  readonly cure?: string;
  /**
   * Whether its value may be an object of a store (s3://): "read" if it is read in addition to the dump; otherwise what
   * to do instead.
   */
  readonly object?: "read" | { readonly cure: string };
  /** Whether it is part of `coresieve --help`. */
  readonly common?: true;
};

/** What a row of the table may have in addition to its name, its commands and its help. */
type Further = Partial<
  Pick<
    Option,
    "letter" | "long" | "see" | "same" | "idle" | "alone" | "actions" | "refused" | "cure" | "object" | "common"
  > & {
    readonly value: string;
    readonly repeated: "each" | "many";
    readonly suggested: readonly string[];
    readonly auto: string;
    readonly all: string;
    readonly empty: true;
  }
>;

/** `More`, if all its members are those of `Further`. */
type Known<More> = More & Readonly<Record<Exclude<keyof More, keyof Further>, never>>;

/** Makes the function for rows of a kind. `usual`: the members that rows have unless they say otherwise. */
function rows<const Kind extends Option["kind"], Usual extends object>(kind: Kind, usual: Usual) {
  return <const Name extends string, const On extends readonly CommandName[], const More extends Further = object>(
    name: Name,
    commands: On,
    help: string,
    more?: Known<More>,
  ) => ({ name, kind, commands, help, ...usual, ...(more as More) });
}

/** The same for numbers between two others. */
function ranged<const Kind extends "number" | "numbers">(kind: Kind, value: string) {
  return <const Name extends string, const On extends readonly CommandName[], const More extends Further = object>(
    name: Name,
    [least, most]: readonly [number, number],
    commands: On,
    help: string,
    more?: Known<More>,
  ) => rows(kind, { value, least, most })(name, commands, help, more);
}

/** The same for words of which one or some are chosen. */
function chosen<const Kind extends "choice" | "list">(kind: Kind, value: string) {
  return <
    const Name extends string,
    const Choice extends string,
    const On extends readonly CommandName[],
    const More extends Further = object,
  >(
    name: Name,
    choices: readonly Choice[],
    commands: On,
    help: string,
    more?: Known<More>,
  ) => rows(kind, { value, choices })(name, commands, help, more);
}

/**
 * The functions for rows of each kind. A row has its name, what its value may be (of numbers the least and the most), the
 * commands that have it, its line in the help; and what few have.
 */
export const ROW = {
  flag: rows("flag", {}),
  text: rows("text", { value: "NAME" }),
  file: rows("file", { value: "FILE" }),
  folder: rows("folder", { value: "DIR" }),
  size: rows("size", { value: "SIZE" }),
  percent: rows("percent", { value: "PERCENT" }),
  number: ranged("number", "N"),
  numbers: ranged("numbers", "LIST"),
  choice: chosen("choice", "NAME"),
  list: chosen("list", "LIST"),
};
