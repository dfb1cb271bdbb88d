/** Options out of a file: the command line wins, and what is no option is named. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseCommandLine } from "../../src/cli/command-line.js";
import { wordsOfConfig } from "../../src/cli/config-file.js";
import type { CommandName } from "../../src/cli/options/option.js";
import { nearestName } from "../../src/nearest-name.js";
import { temporaryFolder } from "../support/filter.js";
import { failureOfAsync } from "../support/open.js";

const folder = temporaryFolder();
const path = join(folder, "nightly.json");

async function words(config: unknown, name: CommandName = "filter", given: readonly string[] = []): Promise<string[]> {
  writeFileSync(path, typeof config === "string" ? config : JSON.stringify(config));
  return wordsOfConfig(path, name, given);
}

test("long names, with texts, numbers, lists and true or false", async () => {
  const config = { level: 31, compress: "zlib", sync: true, force: false, exclude: ["user", "free"] };
  expect(await words(config)).toEqual(["--level=31", "--compress=zlib", "--sync", "--exclude=user,free"]);
});

test("a byte order mark, as editors on Windows write it", async () => {
  expect(await words('\uFEFF{\r\n"level": 1 }\r\n')).toEqual(["--level=1"]);
});

test("options of other commands are passed over, an object is for its command alone", async () => {
  const config = { "spool-dir": "/big", compress: "zlib", filter: { level: 1 }, verify: { findings: 5 } };
  expect(await words(config)).toEqual(["--spool-dir=/big", "--compress=zlib", "--level=1"]);
  expect(await words(config, "verify")).toEqual(["--spool-dir=/big", "--findings=5"]);
  expect(await words(config, "info")).toEqual(["--spool-dir=/big"]);
  const narrower = { level: 31, filter: { level: 1 } };
  expect(await words(narrower)).toEqual(["--level=1"]);
});

test("the command line wins, also where it says the same in another way", async () => {
  const config = { level: 31, compress: "zlib", vmlinux: "a", sync: true };
  expect(await words(config, "filter", ["exclude", "zstd", "vmcoreinfo"])).toEqual(["--sync"]);
  expect(await words(config, "filter", ["level", "sync"])).toEqual(["--compress=zlib", "--vmlinux=a"]);
  writeFileSync(path, JSON.stringify({ level: 99, "num-threads": 1 }));
  const context = { signal: new AbortController().signal, threads: undefined };
  const run = async (...argv: string[]) => (await parseCommandLine([...argv, "--config", path], context))();
  expect((await failureOfAsync(() => run("no-such-dump", "out"))).message).toContain("-d 99: must be a whole number");
  const missing = await failureOfAsync(() => run("no-such-dump", "out", "-d", "31"));
  expect(missing.message).toContain("no-such-dump: cannot be opened");
  const twice = await failureOfAsync(() => run("no-such-dump", "out", "-d31", "--num-threads", "many"));
  expect(twice.message).toContain("--num-threads many");
});

test.each([
  [{ levl: 31 }, '"levl" is not an option. Did you mean "level"?'],
  [{ d: 31 }, '"d" is not an option'],
  [{ filter: { findings: 3 } }, '"findings" is not an option of filter'],
  [{ fliter: {} }, '"fliter" is not a command. Did you mean "filter"?'],
  [{ config: "b" }, '"config" is not an option'],
  [{ sync: "yes" }, 'sync is "yes"; it must be true or false'],
  [{ level: true }, "level is true; it must be a text, a number"],
  [{ level: null }, "level is null"],
  [[], "is not a JSON object"],
  ['{"level": 31,}', "is not JSON: "],
  ['{"__proto__": 3}', '"__proto__" is not an option'],
])("%j is refused by name", async (config, message) => {
  const error = await failureOfAsync(() => words(config));
  expect(error).toMatchObject({ code: "BAD_OPTION" });
  expect(error.message).toContain(`${path}: ${message}`);
});

test("the nearest name is one or two letters away", () => {
  const names = ["level", "compress", "spool-dir"];
  expect(nearestName("lvele", names)).toBeUndefined();
  expect(nearestName("leevl", names)).toBe("level");
  expect(nearestName("Compres", names)).toBe("compress");
  expect(nearestName("spooldir", names)).toBe("spool-dir");
  expect(nearestName("manifest", names)).toBeUndefined();
});
