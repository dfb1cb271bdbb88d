import { DumpError } from "../errors.js";
import { nearestName } from "../nearest-name.js";
import { readSideFile } from "../reader/source/side-file.js";
import { COMMAND_NAMES, type CommandName, type Option } from "./options/option.js";
import { OPTIONS, optionsOf } from "./options/table.js";

/** A larger file is not a list of options. */
const MAX_CONFIG = 1 << 20;

/**
 * The options of a configuration file, as words of a command line. The file is a JSON object with long names. Names of
 * options that only other commands have are ignored. An object under a command's name is for that command only.
 * `given`: long names of options on the command line, which override all options of the file in the same group. Throws
 * `NOT_READABLE`, `BAD_OPTION`.
 */
export async function wordsOfConfig(path: string, command: CommandName, given: readonly string[]): Promise<string[]> {
  const text = (await readSideFile(path, MAX_CONFIG)).toString("utf8");
  const config = parseConfig(path, text.replace(/^\uFEFF/, ""));
  const known = new Set(OPTIONS.map(({ name }) => name));
  const options = optionsOf(command);

  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(config)) {
    if (isObject(value)) continue;
    if (!known.has(name)) throw unknownName(path, name, known);
    if (options.has(name)) values.set(name, value);
  }
  for (const [section, inner] of Object.entries(config)) {
    if (!isObject(inner)) continue;
    const named = COMMAND_NAMES.find((one) => one === section);
    if (named === undefined) throw unknownName(path, section, COMMAND_NAMES, "a command");
    const theirs = optionsOf(named);
    for (const [name, value] of Object.entries(inner)) {
      if (!theirs.has(name)) throw unknownName(path, name, theirs.keys(), `an option of ${section}`);
      if (named === command) values.set(name, value);
    }
  }
  const groups = new Set(given.map((name) => options.get(name)?.same ?? name));
  return [...values].flatMap(([name, value]) => {
    const option = options.get(name) as Option;
    return groups.has(option.same ?? name) ? [] : wordsOf(path, option, value);
  });
}

function parseConfig(path: string, text: string): Record<string, unknown> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badConfig(path, `is not JSON: ${why.replaceAll(/\s+/g, " ")}`, error);
  }
  if (!isObject(config)) throw badConfig(path, "is not a JSON object");
  return config;
}

function wordsOf(path: string, option: Option, value: unknown): string[] {
  const { name } = option;
  if (option.kind === "flag") {
    if (typeof value !== "boolean")
      throw badConfig(path, `${name} is ${JSON.stringify(value)}; it must be true or false`);
    return value ? [`--${name}`] : [];
  }
  const many = Array.isArray(value) ? (value as unknown[]) : [value];
  const texts = many.map((one) => {
    if (typeof one === "string" || typeof one === "number") return String(one);
    throw badConfig(path, `${name} is ${JSON.stringify(value)}; it must be a text, a number, or a list of them`);
  });
  return "repeated" in option ? texts.map((text) => `--${name}=${text}`) : [`--${name}=${texts.join(",")}`];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownName(path: string, name: string, known: Iterable<string>, what = "an option"): DumpError {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? "" : `. Did you mean ${JSON.stringify(nearest)}?`;
  return badConfig(path, `${JSON.stringify(name)} is not ${what}${hint}`);
}

function badConfig(path: string, what: string, cause?: unknown): DumpError {
  return new DumpError("BAD_OPTION", what, {
    file: path,
    cure: 'Use the long names of options: {"level": 31, "compress": "zlib", "sync": true}',
    ...(cause === undefined ? {} : { cause }),
  });
}
