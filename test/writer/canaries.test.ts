/** What was dropped is really gone: text that was written into user memory and page cache before the dump was made. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, filterFlattened, type RunOptions, temporaryFolder } from "../support/filter.js";
import { bitmapPfns, readKdumpBitmap2 } from "../support/golden.js";
import { openElf } from "../support/other-elf.js";

const USER = ["anon", "huge", "thp_", "lock"];
const CACHE = ["tmpf", "ext4", "extw", "shm_"];

/** The pages of these kinds, by truth.txt. */
function pfnsOf(truth: string, kinds: readonly string[]): number[] {
  const lines = readFileSync(truth, "latin1").split("\n");
  const rows = lines.map((line) => line.split(/\s+/)).filter(([kind, , , pfn]) => kinds.includes(kind ?? "") && pfn);
  return rows.map(([, , , pfn]) => Number.parseInt(pfn as string, 16));
}

/** How often each kind of canary stands in the bytes. */
function canariesIn(bytes: Buffer): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of ["USERCANARY-", "CACHECANARY-"]) {
    for (let at = bytes.indexOf(word); at !== -1; at = bytes.indexOf(word, at + 1)) {
      const kind = bytes.toString("latin1", at, at + word.length + 4);
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
  }
  return counts;
}

describeWithDumps("canaries", () => {
  const folder = temporaryFolder();
  const output = join(folder, "output");

  describe.each(["tiny-x86-6.1", "tiny-x86-6.12", "x86-6.12-tiny"])("%s", (name) => {
    test.each([
      ["user memory", 8, USER],
      ["page cache", 6, CACHE],
      ["all", 31, [...USER, ...CACHE]],
    ] as const)("%s: level %i drops every page that was written on purpose", async (_, level, kinds) => {
      const { vmcore, truth } = await realDump(name);
      const dropped = pfnsOf(truth, kinds);
      expect(dropped.length).toBeGreaterThan(30);
      await filterFile(vmcore, output, { level });
      const kept = new Set(bitmapPfns(readKdumpBitmap2(output)));
      expect(dropped.filter((pfn) => kept.has(pfn))).toEqual([]);
    });

    test.each([
      ["kdump", { format: "kdump" }, filterFile],
      ["ELF", { format: "elf" }, filterFile],
      ["flattened ELF", { format: "elf" }, filterFlattened],
    ] as const)("%s: no canary stands in the file but in kept pages", async (_, options: RunOptions, run) => {
      const { vmcore } = await realDump(name);
      await filterFile(vmcore, output, { level: 31 });
      const elf = openElf(vmcore);
      const kept = [...bitmapPfns(readKdumpBitmap2(output))].map((pfn) => elf.page(pfn, 4096) as Buffer);
      elf.close();
      await run(vmcore, output, { ...options, level: 31 });
      const inKeptPages: Record<string, number> = {};
      for (const page of kept) {
        for (const [kind, count] of Object.entries(canariesIn(page)))
          inKeptPages[kind] = (inKeptPages[kind] ?? 0) + count;
      }
      expect(canariesIn(readFileSync(output))).toEqual(inKeptPages);
      expect(Object.keys(canariesIn(readFileSync(vmcore))).length).toBeGreaterThan(4);
    });
  });
});
