import { DumpError } from "../errors.js";
import { holdObject } from "../reader/source/side-file.js";
import type { Command } from "./command.js";
import { COMMAND_NAMES, commandNamed } from "./commands.js";
import { readSmall } from "./input-options.js";
import { nearestName } from "./nearest-name.js";

/** More would be no list of options. */
const MAX_CONFIG = 1 << 20;

/** Options that say the same in several ways: if the command line has one, none of them is taken from the file. */
const GROUPS: readonly (readonly string[])[] = [
  ["level", "exclude"],
  ["zlib", "lzo", "snappy", "zstd", "compress"],
  ["vmcoreinfo", "vmlinux", "vmcoreinfo-device", "vmcoreinfo-at"],
];

/**
 * The options of a file as words of a command line. The file is a JSON object of long names: those that the command does not have
 * but another one has are passed over. An object under a command's name is for that command alone. `given`: long names that stand
 * on the command line, which win. Throws `NOT_READABLE`, `BAD_OPTION`.
 */
export async function wordsOfConfig(
  path: string,
  commandName: string,
  command: Command,
  given: readonly string[],
): Promise<string[]> {
  await holdObject(path);
  const config = parseConfig(
    path,
    readSmall(path, MAX_CONFIG)
      .toString("utf8")
      .replace(/^\uFEFF/, ""),
  );
  const all = await Promise.all(COMMAND_NAMES.map(async (name) => [name, await commandNamed(name)] as const));
  const optionsOf = new Map(all.map(([name, one]) => [name, one?.options ?? {}]));
  const known = new Set([...optionsOf.values()].flatMap((options) => Object.keys(options)));

  const values = new Map<string, unknown>();
  for (const [name, value] of Object.entries(config)) {
    if (isObject(value)) continue;
    if (!known.has(name)) throw unknownName(path, name, known);
    if (Object.hasOwn(command.options, name)) values.set(name, value);
  }
  for (const [section, inner] of Object.entries(config)) {
    if (!isObject(inner)) continue;
    const options = optionsOf.get(section);
    if (options === undefined) throw unknownName(path, section, COMMAND_NAMES, "command");
    for (const [name, value] of Object.entries(inner)) {
      if (!Object.hasOwn(options, name)) throw unknownName(path, name, Object.keys(options), `option of ${section}`);
      if (section === commandName) values.set(name, value);
    }
  }
  const taken = new Set(given.flatMap((name) => GROUPS.find((group) => group.includes(name)) ?? [name]));
  return [...values].filter(([name]) => !taken.has(name)).flatMap(([name, value]) => words(path, command, name, value));
}

function parseConfig(path: string, text: string): Record<string, unknown> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badConfig(path, `is no JSON: ${why.replaceAll(/\s+/g, " ")}`, error);
  }
  if (!isObject(config)) throw badConfig(path, "is no JSON object");
  return config;
}

function words(path: string, command: Command, name: string, value: unknown): string[] {
  const option = command.options[name];
  if (option?.type === "boolean") {
    if (typeof value !== "boolean") throw badConfig(path, `${name} is ${JSON.stringify(value)}; it is true or false`);
    return value ? [`--${name}`] : [];
  }
  const many = Array.isArray(value) ? (value as unknown[]) : [value];
  const texts = many.map((one) => {
    if (typeof one === "string" || typeof one === "number") return String(one);
    throw badConfig(path, `${name} is ${JSON.stringify(value)}; it needs a text, a number, or a list of them`);
  });
  return option?.array === true ? texts.map((text) => `--${name}=${text}`) : [`--${name}=${texts.join(",")}`];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownName(path: string, name: string, known: Iterable<string>, what = "option"): DumpError {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? "" : `; ${JSON.stringify(nearest)} is meant, perhaps`;
  return badConfig(path, `${JSON.stringify(name)} is no ${what}${hint}`);
}

function badConfig(path: string, what: string, cause?: unknown): DumpError {
  return new DumpError("BAD_OPTION", what, {
    file: path,
    cure: 'Options stand there by their long names: {"level": 31, "compress": "zlib", "sync": true}',
    ...(cause === undefined ? {} : { cause }),
  });
}
