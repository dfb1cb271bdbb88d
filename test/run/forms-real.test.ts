/** A real dump in each of its forms gives the same kept pages. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { CODEC_NAMES } from "../../src/codec/codecs.js";
import { compareElfWithElf, compareKdumpWithElf } from "../support/compare-pages.js";
import {
  describeWithDumps,
  goldenDumps,
  originalQemuFile,
  type RealDump,
  readGolden,
  realDump,
} from "../support/dumps.js";
import { filterFile, filterFlattened, temporaryFolder } from "../support/filter.js";
import { bitmapPfns, goldenKept, keptPages, type PfnSet, pfnSet, readKdumpBitmap2 } from "../support/golden.js";
import { buildKdumpSplit, type KdumpPage } from "../support/kdump-image.js";
import { openElf } from "../support/other-elf.js";
import { openKdump } from "../support/other-kdump.js";

const tinyDumps = goldenDumps.filter((dump) => dump.flat);

describeWithDumps("forms of a real dump at level 31", () => {
  const folder = temporaryFolder();
  const output = join(folder, "output");

  /** Filters at level 31; `same` bytes are checked against the dump as it came. */
  async function keptOf(input: string | readonly string[], original: string): Promise<PfnSet> {
    await filterFile(input, output, { codec: "lzo" });
    expect(compareKdumpWithElf(output, original)).toMatchObject({ different: [], unknown: [], leaked: [] });
    return keptPages(output);
  }

  describe.each(tinyDumps)("$name", ({ name }) => {
    const expected = goldenKept(readGolden(name), 31);
    let dump: RealDump;
    beforeAll(async () => {
      dump = await realDump(name);
    });

    test("ELF as QEMU wrote it, a section header first", async () => {
      expect(await keptOf(await originalQemuFile(name), dump.vmcore)).toEqual(expected);
    });

    test("QEMU's flattened kdump-zlib, with its wrong phys_base under KASLR", async () => {
      expect(await keptOf(dump.flat as string, dump.vmcore)).toEqual(expected);
    });

    test("ELF of level 0 and of level 1, which lacks the zero pages", async () => {
      const elf = join(folder, "level0.elf");
      await filterFile(dump.vmcore, elf, { level: 0, format: "elf" });
      expect(await keptOf(elf, dump.vmcore)).toEqual(expected);
      const withoutZeros = join(folder, "level1.elf");
      await filterFile(dump.vmcore, withoutZeros, { level: 1, format: "elf" });
      expect(await keptOf(withoutZeros, dump.vmcore)).toEqual(nonZero(dump.vmcore, readKdumpBitmap2(output), expected));
    });

    test("flattened kdump and flattened ELF of ours", async () => {
      const kdump = join(folder, "kdump.flat");
      await filterFlattened(dump.vmcore, kdump, { level: 0, codec: "snappy" });
      expect(await keptOf(kdump, dump.vmcore)).toEqual(expected);
      const elf = join(folder, "elf.flat");
      await filterFlattened(dump.vmcore, elf, { level: 0, format: "elf" });
      expect(await keptOf(elf, dump.vmcore)).toEqual(expected);
    });
  });

  describe.each(CODEC_NAMES)("tiny-x86-6.12 filtered before to kdump, %s", (codec) => {
    test.each([0, 1])("level %i", async (level) => {
      const { vmcore } = await realDump("tiny-x86-6.12");
      const before = join(folder, `before.${codec}`);
      await filterFile(vmcore, before, { level, codec });
      expect(await keptOf(before, vmcore)).toEqual(goldenKept(readGolden("tiny-x86-6.12"), 31));
    });
  });

  test("the same level once more changes no byte", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const [once, twice] = [join(folder, "once"), join(folder, "twice")];
    await filterFile(vmcore, once, { codec: "zlib" });
    await filterFile(once, twice, { codec: "zlib" });
    expect(readFileSync(twice).equals(readFileSync(once))).toBe(true);
  });

  test("level 31 in two steps, cache first and the rest then", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const half = join(folder, "half");
    await filterFile(vmcore, half, { level: 6, codec: "zlib" });
    expect(await keptOf(half, vmcore)).toEqual(goldenKept(readGolden("tiny-x86-6.1"), 31));
    const { facts, close } = openKdump(output);
    close();
    expect(facts.dumpLevel).toBe(31);
  });

  test("a split set in any order", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const whole = join(folder, "whole");
    await filterFile(vmcore, whole, { level: 0 });
    const parts = splitInThree(whole).map((bytes, i) => {
      const path = join(folder, `part${i}`);
      writeFileSync(path, bytes);
      return path;
    });
    expect(await keptOf(parts, vmcore)).toEqual(goldenKept(readGolden("tiny-x86-6.1"), 31));
    expect(await keptOf([...parts].reverse(), vmcore)).toEqual(goldenKept(readGolden("tiny-x86-6.1"), 31));
  });

  test("ELF out: level 31 from ELF, from kdump and from flattened hold the same pages, and no others", async () => {
    const { vmcore, flat } = await realDump("tiny-x86-6.1");
    await filterFile(vmcore, output, { level: 30 });
    const kept = [...bitmapPfns(readKdumpBitmap2(output))];
    const kdump = join(folder, "to-elf.kdump");
    await filterFile(vmcore, kdump, { level: 0, codec: "zlib" });
    for (const input of [vmcore, kdump, flat as string]) {
      const elf = join(folder, "out.elf");
      await filterFile(input, elf, { format: "elf" });
      expect(compareElfWithElf(elf, vmcore, kept, 4096)).toMatchObject({
        same: kept.length,
        different: [],
        unknown: [],
        leaked: [],
      });
    }
  });
});

/** Those of the pages that are not all zero, once it is clear that the bitmap has no others. */
function nonZero(vmcore: string, bitmap: Uint8Array, all: PfnSet): PfnSet {
  const elf = openElf(vmcore);
  const zero = Buffer.alloc(4096);
  const left = [...bitmapPfns(bitmap)].filter((pfn) => elf.page(pfn, 4096)?.equals(zero) === false);
  elf.close();
  expect(left.length).toBeLessThan(all.count);
  return pfnSet(left);
}

/** The pages of a whole kdump file as a set of three, cut within runs of pages. */
function splitInThree(path: string): Uint8Array[] {
  const kdump = openKdump(path);
  const pages = new Map<number, KdumpPage>();
  let index = 0;
  for (const pfn of bitmapPfns(kdump.bitmap2)) {
    pages.set(pfn, { codec: "raw", data: kdump.content(kdump.descriptor(index++)) });
  }
  const { maxPfn, vmcoreinfo, release } = kdump.facts;
  kdump.close();
  const options = {
    pages,
    maxMapnr: maxPfn,
    vmcoreinfo: vmcoreinfo.toString("latin1"),
    utsname: { release, machine: "x86_64" },
  };
  return buildKdumpSplit(options, [0, 1001, 5003, maxPfn]);
}
