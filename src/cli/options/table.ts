import { CODEC_OPTIONS } from "./codecs.js";
import { INPUT_OPTIONS, KERNEL_OPTIONS, SPOOL_OPTIONS } from "./input.js";
import { LEVEL_OPTIONS } from "./levels.js";
import { LOOKING_OPTIONS } from "./looking.js";
import { COMMAND_NAMES, type CommandName, type Option, ROW } from "./option.js";
import { OUTPUT_OPTIONS } from "./output.js";
import { QUEUE_OPTIONS } from "./queue.js";
import { RUN_OPTIONS } from "./run.js";

const { file, flag } = ROW;

/** Options of all commands. */
export const GENERAL_OPTIONS = [
  file("config", COMMAND_NAMES, "take options from a JSON file; with all commands", {
    long: "Take options from a JSON file; the command line wins. With every command.",
    see: "See [below](#options-from-a-file)",
    common: true,
  }),
  flag("version", COMMAND_NAMES, "print the version, and whether zstd is available", {
    letter: "v",
    long: "Print the version, and whether zstd can be used",
    common: true,
  }),
  flag("help", COMMAND_NAMES, "print this text", {
    letter: "h",
    long: "Print the options of a command",
    common: true,
  }),
] as const;

/** Every option of every command except GENERAL_OPTIONS, in the order of the help. */
const TABLE = [
  ...LOOKING_OPTIONS,
  ...INPUT_OPTIONS,
  ...SPOOL_OPTIONS,
  ...KERNEL_OPTIONS,
  ...LEVEL_OPTIONS,
  ...CODEC_OPTIONS,
  ...OUTPUT_OPTIONS,
  ...QUEUE_OPTIONS,
  ...RUN_OPTIONS,
] as const;
export const OPTIONS: readonly Option[] = TABLE;

type Row = (typeof TABLE)[number];
type RowOf<Name extends CommandName> = Row extends infer R
  ? R extends { readonly commands: readonly (infer Command)[] }
    ? Name extends Command
      ? R
      : never
    : never
  : never;

/** The type of a parsed value. Flags are always present; other options only if they were given. */
type ValueOf<R> = R extends { readonly kind: "flag" }
  ? boolean
  : R extends { readonly repeated: string }
    ? readonly string[] | undefined
    : R extends { readonly kind: "number" | "percent" | "size" }
      ? number | undefined
      : R extends { readonly kind: "numbers" }
        ? readonly number[] | undefined
        : R extends { readonly kind: "choice"; readonly choices: readonly (infer Choice)[] }
          ? Choice | undefined
          : R extends { readonly kind: "list"; readonly choices: readonly (infer Choice)[] }
            ? readonly Choice[] | undefined
            : string | undefined;

type CamelCase<Name> = Name extends `${infer Head}-${infer Rest}` ? `${Head}${Capitalize<CamelCase<Rest>>}` : Name;

/** The checked values of a command's options, by their names in camel case: `--num-threads` is `numThreads`. */
export type OptionValues<Name extends CommandName> = {
  readonly [R in RowOf<Name> as CamelCase<R["name"]>]: ValueOf<R>;
};

/** The options of a command by their long names, without GENERAL_OPTIONS. */
export function optionsOf(command: CommandName): ReadonlyMap<string, Option> {
  return new Map(OPTIONS.filter(({ commands }) => commands.includes(command)).map((one) => [one.name, one]));
}

/** The option as users write it: its letter if it has one. */
export function shortest({ name, letter }: Pick<Option, "name" | "letter">): string {
  return letter === undefined ? `--${name}` : `-${letter}`;
}

/** `num-threads` as `numThreads`. */
export function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
