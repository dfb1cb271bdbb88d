/** Memory far from all other: a node at 64 TiB, firmware at 60 TiB. What lies between costs no memory, no time and no disk. */
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { initialPlan } from "../../src/filter/plan.js";
import { copyBits, countBits, findBit, setBits, sharedBitmap, testBit } from "../../src/reader/bitmap.js";
import { openDump } from "../../src/reader/open.js";
import { readPages } from "../../src/reader/physical-memory.js";
import { stretchesOver } from "../../src/reader/stretches.js";
import { evenRanges, keptRanges } from "../../src/worker/chunks.js";
import { startCli } from "../support/cli.js";
import { temporaryFolder } from "../support/filter.js";
import { arm64 } from "../support/kernel/arch-arm64.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { peakOf } from "../support/peak-memory.js";

const TiB = 2 ** 40;
const GiB = 2 ** 30;
const PAGE = 4096;
const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

/** As an Ampere Altra with two nodes has its memory, but for its size. The second node has pages of every kind. */
function farKernel() {
  const node = { start: 64 * TiB, end: 64 * TiB + 16 * MiB };
  const first = node.start / PAGE;
  return buildKernel({
    arch: arm64,
    memory: [{ start: GiB, end: GiB + 64 * MiB }, node],
    physBase: GiB,
    numa: true,
    pages: [
      { pfn: first, kind: "anon" },
      { pfn: first + 1, kind: "cache" },
      { pfn: first + 1024, kind: "free", order: 9 },
    ],
  });
}

describe("bits of far pages", () => {
  const far = 2 ** 34;
  const places = [0, 5, far + 3, far + 2 ** 21, 2 ** 35 - 1];
  const stretches = stretchesOver(
    places.map((pfn) => ({ start: pfn, end: pfn + 1 })),
    2 ** 35,
  );

  test("a step of bits at each place, and none between", () => {
    expect(Array.from(stretches.start)).toEqual([0, far, far + 2 ** 21, 2 ** 35 - 2 ** 17]);
    expect(sharedBitmap(stretches).bytes.length).toBe(4 * 2 ** 14);
  });

  test("are set, found, counted, copied, and cut into tasks", () => {
    const bitmap = sharedBitmap(stretches);
    for (const pfn of places) setBits(bitmap, pfn, pfn + 1);
    // What has no place stays 0.
    setBits(bitmap, 2 ** 33, 2 ** 33 + 9);
    expect(testBit(bitmap, 2 ** 33)).toBe(false);
    expect(places.every((pfn) => testBit(bitmap, pfn))).toBe(true);
    expect(countBits(bitmap, 0, 2 ** 35)).toBe(5);
    expect(countBits(bitmap, 6, far + 4)).toBe(1);
    expect(findBit(bitmap, 6, 2 ** 35, true)).toBe(far + 3);
    expect(findBit(bitmap, 6, 2 ** 33, true)).toBe(2 ** 33);
    expect(findBit(bitmap, far + 3, 2 ** 35, false)).toBe(far + 4);
    expect(findBit(bitmap, 2 ** 33, 2 ** 35, false)).toBe(2 ** 33);
    expect(findBit(bitmap, 2 ** 35 - 1, 2 ** 35, false)).toBe(2 ** 35);
    expect([...keptRanges(bitmap, 2 ** 35, 3)]).toEqual([
      { startPfn: 0, endPfn: far + 2 ** 21 },
      { startPfn: far + 2 ** 21, endPfn: 2 ** 35 },
    ]);
    expect([...evenRanges(bitmap, 2 ** 35, 2 ** 17)].map(({ startPfn }) => startPfn)).toEqual(
      Array.from(stretches.start),
    );
    const less = sharedBitmap(stretchesOver([{ start: far, end: far + 1 }], 2 ** 35));
    copyBits(bitmap, less);
    expect(countBits(less, 0, 2 ** 35)).toBe(1);
    expect(findBit(less, 0, 2 ** 35, true)).toBe(far + 3);
  });
});

describe.skipIf(process.platform !== "linux")("a machine with a node at 64 TiB (skipped but on Linux)", () => {
  const [elf, kdump] = [at("far.elf"), at("far.kdump")];
  const kernel = farKernel();
  beforeAll(async () => {
    writeElf(elf, kernel);
    await expectRun(["filter", elf, kdump, "-f", "-d", "0"]);
  });

  async function expectRun(args: readonly string[]) {
    const run = startCli(args);
    run.collect();
    const ended = await run.ended;
    expect(ended.code, ended.stderr).toBe(0);
    return ended.stdout.toString();
  }

  test("its kdump file is 4 GiB long and takes what its pages take", () => {
    const { size, blocks } = statSync(kdump);
    expect(size).toBeGreaterThan(4 * GiB);
    expect(512 * blocks).toBeLessThan(90 * MiB);
  });

  test("its pages are what they were", () => {
    const dump = openDump(kdump);
    const { inputPages, maxMapnr } = initialPlan(dump, undefined);
    expect(maxMapnr).toBe((64 * TiB + 16 * MiB) / PAGE);
    expect(inputPages).toBe((80 * MiB) / PAGE);
    const page = new Uint8Array(PAGE);
    for (const pfn of [GiB / PAGE + 17, (64 * TiB) / PAGE, (64 * TiB) / PAGE + 1, maxMapnr - 1]) {
      readPages(dump.memory, pfn * PAGE, page);
      expect(Buffer.from(page).equals(kernel.memory.read(pfn * PAGE, PAGE)), `pfn ${pfn}`).toBe(true);
    }
    dump.close();
  });

  test("filtered: far pages go by their class", async () => {
    const one = at("one");
    await expectRun(["filter", elf, one, "-f", "-d", "31"]);
    const dump = openDump(one);
    const { kept } = initialPlan(dump, undefined);
    const first = (64 * TiB) / PAGE;
    const has = [first, first + 1, first + 1024].map((pfn) => testBit(kept, pfn));
    expect(has).toEqual([false, false, false]);
    dump.close();
  });

  test.each([
    ["info", () => ["info", elf]],
    ["kdump output", () => ["filter", elf, at("out"), "-f", "-d", "31"]],
    ["kdump to kdump", () => ["filter", kdump, at("out"), "-f", "-d", "31"]],
    ["ELF output", () => ["filter", kdump, at("out"), "-f", "-d", "31", "-E"]],
    ["verify", () => ["verify", kdump, "--against", elf]],
    ["estimate", () => ["estimate", kdump]],
    ["report", () => ["report", kdump, "--output", at("report.html"), "-f"]],
  ])("%s: 250 MB", async (_, args) => {
    expect(await peakOf(args())).toBeLessThan(250e6);
  });

  test("an extension sees the far pages", async () => {
    const module = at("extension.mjs");
    writeFileSync(
      module,
      `export const decide = (page) => (page.pfn === ${(64 * TiB) / PAGE} ? "keep" : undefined);\n`,
    );
    expect(await peakOf(["filter", elf, at("extended"), "-f", "-d", "31", "--extension", module])).toBeLessThan(250e6);
    const dump = openDump(at("extended"));
    expect(testBit(initialPlan(dump, undefined).kept, (64 * TiB) / PAGE)).toBe(true);
    dump.close();
  });
});
