/** The commands by name. src/cli/commands.ts loads them. */
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

/** Commands that say what is dropped and how pages are compressed. */
export const FILTERING = ["filter", "split", "submit", "plan"] as const satisfies readonly CommandName[];

/** Commands that say how pages are compressed. */
export const COMPRESSING = [...FILTERING, "handover"] as const satisfies readonly CommandName[];

/** What the value of an option is, and so what it becomes (parse-values.ts). */
type OptionKind =
  | { readonly kind: "flag" }
  /** `repeated`: once for each value ("each"), or also several values behind one ("many"). `suggested`: for completion. */
  | {
      readonly kind: "text" | "file" | "folder";
      readonly value: string;
      readonly repeated?: "each" | "many";
      readonly suggested?: readonly string[];
    }
  /** A whole number. `auto`: a word for what is taken without the option. */
  | {
      readonly kind: "number";
      readonly value: string;
      readonly least: number;
      readonly most: number;
      readonly auto?: string;
    }
  /** Whole numbers with commas between them. `all`: a word for all of them. */
  | {
      readonly kind: "numbers";
      readonly value: string;
      readonly least: number;
      readonly most: number;
      readonly all?: string;
    }
  /** 0 to 100, with or without a sign behind it. */
  | { readonly kind: "percent"; readonly value: string }
  /** Bytes, also with K, M, G, T, P, E (powers of 1024). */
  | { readonly kind: "size"; readonly value: string }
  | { readonly kind: "choice"; readonly value: string; readonly choices: readonly string[] }
  /** Choices with commas between them. `empty`: there may be none. */
  | { readonly kind: "list"; readonly value: string; readonly choices: readonly string[]; readonly empty?: true };

/**
 * An option, described once: the parser, the help texts, the manual pages, the completion, the names of the configuration file and
 * the reference (docs/command-line.md) are made from it.
 */
export type Option = OptionKind & {
  /** Long name, without dashes. Two commands may have different options of one name. */
  readonly name: string;
  readonly letter?: string;
  readonly commands: readonly CommandName[];
  /** What the help says: most have one line of 53 letters. */
  readonly help: string;
  /** What the reference and the manual say, where that is more. Code between backticks, no links. */
  readonly long?: string;
  /** Where the reference leads: Markdown. */
  readonly see?: string;
  /** Options of one group say the same in several ways: one on the command line goes before all of a configuration file. */
  readonly same?: "level" | "codec" | "vmcoreinfo" | "format";
  /** Commands that may be expected to have it, and why they do not. */
  readonly refused?: Readonly<Partial<Record<CommandName, string>>>;
  /** What to do about a wrong value. */
  readonly cure?: string;
  /** An object of a store (s3://) as its value: "read" beside the dump; or not possible, and what to do. */
  readonly object?: "read" | { readonly cure: string };
  /** It stands in `coresieve --help`. */
  readonly common?: true;
};
