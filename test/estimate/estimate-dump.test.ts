/** Estimates against the files that filter runs really write. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CODEC_NAMES } from "../../src/codec/codecs.js";
import { estimateDump } from "../../src/estimate/estimate-dump.js";
import { openDump } from "../../src/reader/open.js";
import { Warnings } from "../../src/warnings.js";
import { patternBytes } from "../support/bytes.js";
import { describeWithDumps, readGolden, realDump } from "../support/dumps.js";
import { buildElf } from "../support/elf-image.js";
import { filterFile, sharedThread, temporaryFolder } from "../support/filter.js";
import { goldenLevel } from "../support/golden.js";
import { buildKdump } from "../support/kdump-image.js";

const folder = temporaryFolder();

async function estimateFile(path: string, samplePages: number) {
  const dump = openDump([path], new Warnings());
  try {
    return await estimateDump(dump, { samplePages, workers: sharedThread() });
  } finally {
    dump.close();
  }
}

describeWithDumps("real dumps", () => {
  test.each(["tiny-x86-6.1", "tiny-x86-6.12", "tiny-s390x-6.12", "tiny-arm-6.1-flatmem"])(
    "%s: every size lies within its error",
    async (name) => {
      const { vmcore } = await realDump(name);
      const estimate = await estimateFile(vmcore, 600);
      expect(estimate.levels).toHaveLength(32);
      for (const level of [0, 1, 16, 31]) {
        const row = estimate.levels[level];
        for (const codec of CODEC_NAMES) {
          const { classes, outputBytes } = await filterFile(vmcore, join(folder, "out"), { level, codec });
          const [pages, error] = [row?.pages ?? 0, row?.pagesError ?? 0];
          expect(Math.abs(pages - classes.kept), `${level}: pages`).toBeLessThanOrEqual(error);
          if (level % 2 === 0) expect(error).toBe(0);
          const size = row?.sizes.find((one) => one.codec === codec);
          expect(Math.abs(outputBytes - (size?.bytes ?? 0)), `${level} ${codec}`).toBeLessThanOrEqual(size?.error ?? 0);
        }
      }
    },
  );

  test("looking at every page is exact, for every level", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const estimate = await estimateFile(vmcore, 1e6);
    expect(estimate.sampledPages).toBeLessThanOrEqual(estimate.inputPages);
    for (const level of [0, 1, 3, 8, 15, 23, 31]) {
      const { outputBytes } = await filterFile(vmcore, join(folder, "out"), { level, codec: "lzo" });
      expect(estimate.levels[level]?.sizes.find(({ codec }) => codec === "lzo")).toEqual({
        codec: "lzo",
        bytes: outputBytes,
        error: 0,
      });
    }
  });

  test.each(["tiny-x86-6.1", "tiny-x86-6.12", "tiny-x86-6.1-sparse-classic"])(
    "%s: the pages of all 32 levels are what runs, and makedumpfile's, keep",
    async (name) => {
      const { levels } = await estimateFile((await realDump(name)).vmcore, 1e6);
      const golden = readGolden(name);
      const remaining = levels.map(({ level }) => goldenLevel(golden, level).counts.remaining);
      expect(levels.map(({ pages }) => pages)).toEqual(remaining);
      expect(levels.map(({ pages, zeroPages, level }) => pages + (level % 2 === 1 ? zeroPages : 0))).toEqual(
        levels.map(({ level }) => goldenLevel(golden, level).kept),
      );
      expect(remaining[1]).toBeLessThan(remaining[0] as number);
    },
  );

  test("a dump that was filtered already keeps its level, and gives nothing more", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const first = join(folder, "first");
    const { outputBytes } = await filterFile(vmcore, first, { codec: "zlib" });
    const estimate = await estimateFile(first, 1e6);
    for (const { sizes } of estimate.levels)
      expect(sizes.find(({ codec }) => codec === "zlib")?.bytes).toBe(outputBytes);
  });
});

test("a dump that nothing is known of has estimates for levels 0 and 1, and says why", async () => {
  const path = join(folder, "unknown");
  writeFileSync(path, buildElf({ notes: [], loads: [{ paddr: 0, data: patternBytes("x", 65_536) }] }));
  const estimate = await estimateFile(path, 100);
  expect(estimate.levels.map(({ level }) => level)).toEqual([0, 1]);
  expect(estimate.warnings.map(({ code }) => code)).toContain("NO_KERNEL_VIEW");
  const { outputBytes } = await filterFile(path, join(folder, "out"), { level: 1, codec: "snappy" });
  expect(estimate.levels[1]?.sizes.find(({ codec }) => codec === "snappy")?.bytes).toBe(outputBytes);
});

test("what a file says of earlier erasing is counted", async () => {
  const path = join(folder, "erased");
  const pages = new Map([[3, { data: patternBytes("y", 4096), codec: "raw" as const }]]);
  writeFileSync(path, buildKdump({ pages, eraseinfo: "erase jiffies\n".repeat(50) }));
  const estimate = await estimateFile(path, 100);
  const { outputBytes } = await filterFile(path, join(folder, "out"), { level: 0, codec: "none" });
  expect(estimate.levels[0]?.sizes.find(({ codec }) => codec === "none")?.bytes).toBe(outputBytes);
});
