/** `verify --against` knows of every range that `--privacy` drops by the kernel's symbols: both use one view. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { eraseDebuginfo } from "../../src/filter/erase/erase-debuginfo.js";
import { attachSpace } from "../../src/kernel/kernel-view.js";
import { openDump } from "../../src/reader/open.js";
import { withView } from "../../src/run/own-session.js";
import { openSession } from "../../src/run/session.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { bitmapPfns, readKdumpBitmap2 } from "../support/golden.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];

/** Changes words of 8 bytes of an ELF dump, at distances from variables; `at` is the kernel's address of physical memory. */
function withWords(vmcore: string, words: (at: (paddr: number) => bigint) => [string, number, bigint][]): Buffer {
  const file = readFileSync(vmcore);
  const dump = openDump(vmcore);
  try {
    const { view } = withView(openSession(dump));
    const { kernel } = eraseDebuginfo(dump, view, undefined);
    const space = attachSpace(view.space, dump.memory);
    const place = (name: string, offset: number) => {
      const address = kernel?.symbols.address(name);
      const found = address === undefined ? undefined : space.translate(address + BigInt(offset));
      if (found === undefined) throw new Error(`no variable ${name}`);
      return fileOffset(file, found.paddr);
    };
    const base = file.readBigUInt64LE(place("page_offset_base", 0));
    for (const [name, offset, value] of words((paddr) => base + BigInt(paddr)))
      file.writeBigUInt64LE(value, place(name, offset));
  } finally {
    dump.close();
  }
  return file;
}

/** Where a physical address lies in an ELF file, by its program headers, which begin at 64. */
function fileOffset(file: Buffer, paddr: number): number {
  for (let at = 64; at < 64 + 56 * file.readUInt16LE(56); at += 56) {
    const word = (field: number) => Number(file.readBigUInt64LE(at + field));
    const [offset, start, size] = [word(8), word(24), word(32)];
    if (file.readUInt32LE(at) === 1 && paddr >= start && paddr < start + size) return offset + paddr - start;
  }
  throw new Error(`no physical address ${paddr}`);
}

const SIZE = 0x8000;

/** Where the kernel's code begins: it stays, and nothing that is read of a dump is in it. */
function codeOf(vmcore: string): number {
  const dump = openDump(vmcore);
  try {
    const { view } = withView(openSession(dump));
    const address = dump.vmcoreinfo?.symbol("_stext") ?? 0n;
    const found = attachSpace(view.space, dump.memory).translate(address);
    return (found?.paddr ?? 0) & ~0xfff;
  } finally {
    dump.close();
  }
}

describeWithDumps("real dumps", () => {
  test.each(["x86-6.12-tiny", "x86-7.2-tiny"])(
    "%s, with reserve_mem= and retain_initrd: what goes for them is not lost",
    async (name) => {
      const { vmcore } = await realDump(name);
      const start = codeOf(vmcore) + (1 << 20);
      const pfns = Array.from({ length: (2 * SIZE) / 4096 }, (_, i) => start / 4096 + i);
      const keptOf = (kept: Set<number>) => pfns.filter((pfn) => kept.has(pfn)).length;
      await filterFile(vmcore, output, { privacy: true });
      expect(keptOf(new Set(bitmapPfns(readKdumpBitmap2(output))))).toBe(pfns.length);
      // Offsets of `start` and `size` of struct reserve_mem_table, `size` and `private` of struct bin_attribute.
      const changed = withWords(vmcore, (at) => [
        ["reserved_mem_table", 16, BigInt(start)],
        ["reserved_mem_table", 24, BigInt(SIZE)],
        ["bin_attr_initrd", 16, BigInt(SIZE)],
        ["bin_attr_initrd", 24, at(start + SIZE)],
      ]);
      writeFileSync(input, changed);
      const { privacy } = await filterFile(input, output, { privacy: true });
      expect(privacy?.remains.join()).not.toMatch(/initramfs|reserve_mem/);
      expect(keptOf(new Set(bitmapPfns(readKdumpBitmap2(output))))).toBe(0);
      const { findings, comparison } = await verifyDump(output, { against: input });
      expect([findings, comparison?.privacy]).toEqual([[], true]);
    },
  );

  test("a PC without types: no reserved page of the first megabyte stays, and verify calls none lost", async () => {
    const { vmcore, kpageflags } = await realDump("tiny-i386-6.1-flatmem");
    const flags = readFileSync(kpageflags);
    // KPF_RESERVED
    const reserved = Array.from({ length: 256 }, (_, pfn) => pfn).filter(
      (pfn) => ((flags.readBigUInt64LE(pfn * 8) >> 32n) & 1n) === 1n,
    );
    expect(reserved.length).toBeGreaterThan(100);
    const { privacy } = await filterFile(vmcore, output, { privacy: true });
    expect(privacy?.remains.join()).not.toMatch(/first megabyte/);
    const kept = new Set(bitmapPfns(readKdumpBitmap2(output)));
    expect(reserved.filter((pfn) => kept.has(pfn))).toEqual([]);
    const { findings, comparison } = await verifyDump(output, { against: vmcore });
    expect([findings, comparison?.privacy, comparison?.different]).toEqual([[], true, 0]);
  });
});
