/** The real x86-64 dumps: what is kept, and what it is called, is what makedumpfile says, at every dump level. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { CODEC_NAMES } from "../../src/codec/codecs.js";
import type { FilterResult } from "../../src/run/filter-dump.js";
import { compareKdumpWithElf } from "../support/compare-pages.js";
import { describeWithDumps, furtherDumps, goldenDumps, type RealDump, readGolden, realDump } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { bitmapSet, type Golden, goldenKept, goldenLevel, goldenRam } from "../support/golden.js";
import { openKdump } from "../support/other-kdump.js";

const LEVELS = Array.from({ length: 32 }, (_, level) => level);
/** Each bit alone, and together. */
const FEW_LEVELS = [0, 1, 2, 4, 8, 16, 30, 31];
const furtherGolden = furtherDumps.filter((dump) => dump.golden);
const furtherNames = new Set(furtherGolden.map(({ name }) => name));
/** makedumpfile counts pages of overlapping PT_LOADs once per PT_LOAD: its numbers are right where there are none. */
const withoutOverlaps = new Set(
  [...goldenDumps, ...furtherGolden].filter((dump) => dump.qemu).map((dump) => dump.name),
);

describeWithDumps("every level of every x86-64 dump", () => {
  const folder = temporaryFolder();

  describe.each([...goldenDumps, ...furtherGolden])("$name", ({ name }) => {
    let dump: RealDump;
    const golden = readGolden(name);
    const output = join(folder, `${name}.kdump`);
    beforeAll(async () => {
      dump = await realDump(name);
    });

    test.each(furtherNames.has(name) ? FEW_LEVELS : LEVELS)("level %i", async (level) => {
      const result = await filterFile(dump.vmcore, output, { level });
      const written = readBitmaps(output);
      expect(written).toEqual({
        kept: goldenKept(golden, level),
        ram: goldenRam(golden, level),
        maxMapnr: goldenLevel(golden, level).max_mapnr,
        blockSize: goldenLevel(golden, level).block_size,
      });
      expect(result.maxMapnr).toBe(goldenLevel(golden, level).max_mapnr);
      checkSums(result, written.kept.count);
      if (withoutOverlaps.has(name)) expect(countsOf(result)).toEqual(goldenCounts(golden, level));
    });

    test("level 31: every page's bytes are the original's", async () => {
      await filterFile(dump.vmcore, output, { level: 31 });
      const { same, ...wrong } = compareKdumpWithElf(output, dump.vmcore);
      expect(wrong).toEqual({ zero: expect.any(Number), different: [], unknown: [], leaked: [] });
      expect(same).toBe(goldenKept(golden, 31).count);
    });
  });

  describe.each(CODEC_NAMES)("tiny-x86-6.12 as %s", (codec) => {
    test.each([0, 1, 31])("level %i: every page's bytes are the original's", async (level) => {
      const { vmcore } = await realDump("tiny-x86-6.12");
      const output = join(folder, `codec.${codec}`);
      const { classes } = await filterFile(vmcore, output, { level, codec });
      const compared = compareKdumpWithElf(output, vmcore);
      expect(compared).toMatchObject({ different: [], unknown: [], leaked: [] });
      expect(compared.same).toBe(goldenKept(readGolden("tiny-x86-6.12"), level).count);
      if (level % 2 === 1) expect(compared.zero).toBe(classes.zero);
    });
  });
});

function readBitmaps(path: string) {
  const { bitmap1, bitmap2, facts, close } = openKdump(path);
  close();
  return { kept: bitmapSet(bitmap2), ram: bitmapSet(bitmap1), maxMapnr: facts.maxPfn, blockSize: facts.blockSize };
}

/** The counts are of pages really dropped: they add up with those that the file has. */
function checkSums({ classes, inputPages, beyondMemMap }: FilterResult, inFile: number): void {
  const { kept, zero, ...dropped } = classes;
  expect(kept + zero).toBe(inFile);
  expect(Object.values(dropped).reduce((sum, n) => sum + n, kept + zero)).toBe(inputPages - beyondMemMap);
}

function countsOf({ classes }: FilterResult) {
  return {
    zero: classes.zero,
    cache: classes.cache,
    cachePrivate: classes["cache-private"],
    user: classes.user,
    free: classes.free,
    hwpoison: classes.hwpoison,
    offline: classes.offline,
    kept: classes.kept,
  };
}

function goldenCounts(golden: Golden, level: number) {
  const { counts } = goldenLevel(golden, level);
  return {
    zero: counts.zero,
    cache: counts.cache_nonprivate,
    cachePrivate: counts.cache_private,
    user: counts.user,
    free: counts.free,
    hwpoison: counts.hwpoison,
    offline: counts.offline,
    kept: counts.remaining,
  };
}
