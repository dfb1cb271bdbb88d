/** What callers without TypeScript may get wrong is refused before anything is read or written. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Dump } from "../../src/reader/dump.js";
import { type FilterOptions, filterDump } from "../../src/run/filter-dump.js";
import { temporaryFolder } from "../support/filter.js";
import { failureOfAsync } from "../support/open.js";

const folder = temporaryFolder();
/** A dump that fails as soon as it is looked at. */
const untouched = new Proxy(
  { memory: 1, image: 1, ranges: 1 },
  { get: () => expect.unreachable("the dump was looked at") },
) as unknown as Dump;
const output = { path: join(folder, "out") };

test.each([
  ["an unknown codec", { codec: { name: "foo" } }, /codec\.name is "foo"\. Give one of none, zlib/],
  ["a codec's name alone", { codec: "zlib" }, /codec is "zlib"\. Give what codecOf gives/],
  ["no codec", { codec: undefined }, /codec is undefined/],
  ["a level that zlib does not have", { codec: { name: "zlib", level: 99 } }, /level 99; zlib has 1 to 9/],
  ["an unknown format", { format: "x" }, /format is "x"\. Give one of kdump, elf/],
  ["no format", { format: undefined }, /format is undefined/],
  ["an unknown way to end", { onFull: "x" }, /onFull is "x"/],
  ["no output", { output: undefined }, /output names no place/],
  ["an output that is nowhere", { output: {} }, /output names no place/],
])("%s", async (_, wrong, says) => {
  const right = { level: 31, format: "kdump", codec: { name: "none", level: undefined }, output } as const;
  const options = { ...right, ...wrong } as unknown as FilterOptions;
  const error = await failureOfAsync(() => filterDump(untouched, options));
  expect(error).toMatchObject({ code: "BAD_OPTION", message: expect.stringMatching(says) });
  expect(readdirSync(folder)).toEqual([]);
});
