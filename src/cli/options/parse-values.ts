import { DumpError } from "../../errors.js";
import { nearestName } from "../../nearest-name.js";
import type { CommandName, Option } from "./option.js";
import { camelCase, type OptionValues, optionsOf, shortest } from "./table.js";

/** The options on a command line by long name: `true` for a flag, the words that follow the option, or nothing. */
export type OptionWords = Readonly<Record<string, boolean | string | readonly string[] | undefined>>;

/**
 * Turns the words of a command line into checked values. No other code parses numbers, sizes, choices and lists of
 * options. Throws `BAD_OPTION`.
 */
export function parseValues<Name extends CommandName>(command: Name, words: OptionWords): OptionValues<Name> {
  const values: Record<string, unknown> = {};
  for (const [name, option] of optionsOf(command)) {
    const word = words[name];
    values[camelCase(name)] =
      option.kind === "flag" ? word === true : word === undefined ? undefined : checked(option, word as string);
  }
  return values as OptionValues<Name>;
}

function checked(option: Option, word: string | readonly string[]): unknown {
  if (typeof word !== "string") return word.map((one) => checkedText(option, String(one)));
  if (!("empty" in option)) checkedText(option, word);
  switch (option.kind) {
    case "number":
      return word === option.auto ? undefined : wholeNumber(option, word, word, option);
    case "numbers":
      return numbers(option, word, option);
    case "percent":
      return percent(option, word);
    case "size":
      return sizeOf(shortest(option), word);
    case "choice":
      return oneOf(option, word, word, option.choices);
    case "list":
      return list(option, word, option);
    default:
      return word;
  }
}

/** The most characters of a wrong value that an error repeats. */
const SHOWN = 100;

/** A wrong value in an error: one of 100 KB would hide the rest of the line. */
export function shown(text: string): string {
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
}

/** Returns a value that is not empty. Throws `BAD_OPTION`; also for a zero byte, which a `--config` file may have: with it Node opens no file. */
export function checkedText(option: Pick<Option, "name" | "letter">, text: string): string {
  if (text === "") {
    throw new DumpError("BAD_OPTION", `${shortest(option)}: its value is empty`, {
      cure: "Give one; perhaps a variable of the shell is not set",
    });
  }
  if (!text.includes("\0")) return text;
  throw new DumpError("BAD_OPTION", `${shortest(option)} ${shown(text)}: its value has a zero byte in it`, {
    cure: "Remove it from the file of --config",
  });
}

function wholeNumber(
  option: Option,
  text: string,
  word: string,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  const value = /^\d+$/.test(word) ? Number(word) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw wrong(option, text, word, `must be a whole number from ${least} to ${most}`);
}

function numbers(option: Option, text: string, range: Extract<Option, { kind: "numbers" }>): readonly number[] {
  const { least, most, all } = range;
  if (text === all) return Array.from({ length: most - least + 1 }, (_, i) => least + i);
  return text.split(",").map((word) => wholeNumber(option, text, word, range));
}

function percent(option: Option, text: string): number {
  const value = /^\d+(\.\d+)?%?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (value <= 100) return value;
  throw wrong(option, text, text, "must be a number from 0 to 100");
}

function oneOf(option: Option, text: string, word: string, choices: readonly string[]): string {
  if (choices.includes(word)) return word;
  const nearest = nearestName(word, choices);
  throw wrong(
    option,
    text,
    word,
    `must be one of ${choices.join(", ")}`,
    nearest === undefined ? undefined : `Did you mean ${JSON.stringify(nearest)}?`,
  );
}

function list(option: Option, text: string, { choices, empty }: Extract<Option, { kind: "list" }>): readonly string[] {
  const words = text.split(",");
  const named = empty === true ? words.filter((word) => word !== "") : words;
  return named.map((word) => oneOf(option, text, word, choices));
}

/** For a list the error names the wrong word. */
function wrong(option: Option, text: string, word: string, must: string, cure = option.cure): DumpError {
  const which = word === text ? "" : `${JSON.stringify(shown(word))} `;
  return new DumpError(
    "BAD_OPTION",
    `${shortest(option)} ${shown(text)}: ${which}${must}`,
    cure === undefined ? {} : { cure },
  );
}

const SIZE_UNITS = "KMGTPE";

/**
 * A size in bytes, decimal or 0x, with an optional suffix K, M, G, T, P or E (powers of 1024), as in makedumpfile.
 * Throws `BAD_OPTION`.
 */
export function sizeOf(option: string, text: string): number {
  const [, digits = "", unit = ""] = /^(0x[0-9a-f]+|\d+)([kmgtpe]?)$/i.exec(text) ?? [];
  const size =
    digits === "" ? Number.NaN : Number(digits) * 1024 ** (SIZE_UNITS.indexOf(unit.toUpperCase() || " ") + 1);
  if (Number.isSafeInteger(size) && size > 0) return size;
  throw new DumpError("BAD_OPTION", `${option} ${shown(text)}: must be a size`, {
    cure: "Write a number of bytes, or 500M, 2G",
  });
}
