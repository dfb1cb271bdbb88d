/** What callers without TypeScript may get wrong is refused before anything is read or written. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import type { Dump } from "../../src/reader/dump.js";
import { wholeFilterOptions } from "../../src/run/check-values.js";
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
  ["an unknown codec's name", { codec: "foo" }, /codec is "foo"\. Give one of none, zlib/],
  ["what is no codec", { codec: 7 }, /codec is 7\. Give what codecOf gives/],
  ["a level that zlib does not have", { codec: { name: "zlib", level: 99 } }, /level 99; zlib has 1 to 9/],
  ["an unknown format", { format: "x" }, /format is "x"\. Give one of kdump, elf/],
  ["an unknown way to end", { onFull: "x" }, /onFull is "x"/],
  ["no output", { output: undefined }, /output names no place/],
  ["an output that is nowhere", { output: {} }, /output names no place/],
  ["an output without a name", { output: "" }, /output/],
])("%s", async (_, wrong, says) => {
  const right = { level: 31, format: "kdump", codec: { name: "none", level: undefined }, output } as const;
  const options = { ...right, ...wrong } as unknown as FilterOptions;
  const error = await failureOfAsync(() => filterDump(untouched, options));
  expect(error).toMatchObject({ code: "BAD_OPTION", message: expect.stringMatching(says) });
  expect(readdirSync(folder)).toEqual([]);
});

test("what is left open is as the command line has it", () => {
  expect(wholeFilterOptions({ output: "small" })).toEqual({
    output: { path: "small" },
    ...{ level: 31, format: "kdump", codec: codecOf("zlib") },
  });
  expect(wholeFilterOptions({ output, format: "elf", level: 1 })).toMatchObject({ level: 1, codec: { name: "none" } });
  // Pages that are compressed already make a packed file larger.
  expect(wholeFilterOptions({ output: { path: "small.zst", pack: "zstd" } }).codec.name).toBe("none");
  expect(wholeFilterOptions({ output, codec: "zstd" }).codec).toEqual(codecOf("zstd"));
  expect(wholeFilterOptions({ output, codec: codecOf("zlib", 9) }).codec.level).toBe(9);
});
