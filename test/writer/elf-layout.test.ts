/** The layout of ELF files against what the writer wrote, by a reader that shares nothing with it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { setBits, sharedBitmap } from "../../src/reader/bitmap.js";
import { elfLayout, elfPageAt, elfRuns } from "../../src/writer/elf-layout.js";
import { createWriter, layoutOf } from "../../src/writer/output-description.js";
import { patternBytes } from "../support/bytes.js";
import { temporaryFolder } from "../support/filter.js";
import { memorySink } from "../support/memory-sink.js";
import { failureOf } from "../support/open.js";
import { openElf } from "../support/other-elf.js";
import { anyFacts, anyRuns, bitmapOfRuns, pfnsOf } from "../support/output-facts.js";

const MOST_PFN = 420;
const path = join(temporaryFolder(), "elf");
const content = (pfn: number) => patternBytes(`page ${pfn} `, 4096);
const elfClass = fc.constantFrom(32 as const, 64 as const);

test("everything lies where the layout says, and the file is as long as it says", async () => {
  await fc.assert(
    fc.asyncProperty(anyFacts(MOST_PFN), anyRuns, elfClass, async (facts, runs, bits) => {
      const { maxMapnr, pageSize, noteArea, machine } = facts;
      const segments = [{ start: 0, end: maxMapnr * pageSize, vaddr: 0xc000_0000n, flags: 7 }];
      const elf = { segments, elfClass: bits, littleEndian: machine.littleEndian };
      const output = { facts, status: 0, elf };
      const kept = bitmapOfRuns(runs, maxMapnr);
      const pfns = pfnsOf(runs, maxMapnr);
      const layout = layoutOf(output, kept);
      if (layout.format !== "elf") throw new Error("not an ELF layout");
      const sink = memorySink();
      const writer = createWriter(output, { exists: kept, kept }, sink);
      await writer.begin();
      // In two calls, as tasks come.
      const border = Math.ceil(maxMapnr / 16) * 8;
      for (const [startPfn, endPfn] of [
        [0, border],
        [border, maxMapnr],
      ] as const) {
        const part = pfns.filter((pfn) => pfn >= startPfn && pfn < endPfn);
        const [records, hashes] = [new Uint32Array(part.length).fill(pageSize), new Uint32Array(0)];
        await writer.add({ startPfn, endPfn, records, hashes, data: Buffer.concat(part.map(content)) });
      }
      const size = await writer.end();
      expect([size, sink.told.atMost]).toEqual([layout.mostBytes, layout.mostBytes]);
      const file = sink.file(size);
      writeFileSync(path, file);
      const other = openElf(path);
      expect([other.bits, other.littleEndian]).toEqual([bits, machine.littleEndian]);
      const [note, ...loads] = other.segments;
      expect([note?.offset, note?.fileSize]).toEqual([layout.notesAt, noteArea.length]);
      expect(loads.map((load) => [load.offset, load.fileSize, load.formatBytes, load.physicalAddress])).toEqual(
        layout.pieces.map(({ offset, filesz, memsz, paddr }) => [layout.dataAt + offset, filesz, memsz, paddr]),
      );
      expect(file.subarray(layout.notesAt, layout.notesAt + noteArea.length).equals(noteArea)).toBe(true);
      expect(layout.dataAt % pageSize).not.toBe(0);
      for (const pfn of pfns) {
        expect(file.subarray(elfPageAt(layout, pfn), elfPageAt(layout, pfn) + pageSize).equals(content(pfn))).toBe(
          true,
        );
        expect(other.page(pfn, pageSize)?.equals(content(pfn))).toBe(true);
      }
      other.close();
    }),
    { numRuns: 40 },
  );
});

test("runs are all kept pages of a range, once and ascending, each where it lies", () => {
  fc.assert(
    fc.property(anyFacts(MOST_PFN), anyRuns, fc.nat(MOST_PFN), fc.nat(MOST_PFN), (facts, runs, from, length) => {
      const kept = bitmapOfRuns(runs, facts.maxMapnr);
      const end = Math.min(facts.maxMapnr, from + length);
      const layout = elfLayout(facts, { segments: [], elfClass: 64, littleEndian: true }, kept);
      const found = [...elfRuns(layout, kept, from, end)].flatMap(({ startPfn, endPfn, offset }) =>
        Array.from({ length: endPfn - startPfn }, (_, i) => [startPfn + i, offset + i * facts.pageSize]),
      );
      const wanted = pfnsOf(runs, facts.maxMapnr).filter((pfn) => pfn >= from && pfn < end);
      expect(found).toEqual(wanted.map((pfn) => [pfn, elfPageAt(layout, pfn)]));
    }),
  );
});

test("a page that is in no island has no place", () => {
  const [facts] = fc.sample(anyFacts(MOST_PFN), { numRuns: 1, seed: 1 }) as [Parameters<typeof elfLayout>[0]];
  const kept = bitmapOfRuns([{ start: 40, length: 1 }], 64);
  const layout = elfLayout({ ...facts, maxMapnr: 64 }, { segments: [], elfClass: 64, littleEndian: true }, kept);
  for (const pfn of [0, 39, 41, 63, 1000]) expect(() => elfPageAt(layout, pfn)).toThrow(`page ${pfn}`);
});

test("a 32-bit file cannot describe memory above 4 GiB, nor 65,535 pieces of it: its layout says so, its writer refuses", () => {
  const [facts] = fc.sample(anyFacts(MOST_PFN), { numRuns: 1, seed: 1 }) as [Parameters<typeof elfLayout>[0]];
  const kept = sharedBitmap(64);
  setBits(kept, 8, 9);
  const pages = { exists: kept, kept };
  const low = { start: 0, end: 64 * 4096, vaddr: 0n, flags: 7 };
  const high = { start: 2 ** 32, end: 2 ** 32 + 4096, vaddr: 0n, flags: 7 };
  const many = Array.from({ length: 32_768 }, () => low);
  for (const [segments, fits32] of [
    [[low], true],
    [[low, high], false],
    [many, false],
  ] as const) {
    const of = (elfClass: 32 | 64) => ({ segments, elfClass, littleEndian: true });
    const small = { ...facts, maxMapnr: 64 };
    if (segments.length < 10) expect(elfLayout(small, of(64), kept).fitsClass).toBe(true);
    expect(elfLayout(small, of(32), kept).fitsClass).toBe(fits32);
    const make = () => createWriter({ facts: small, status: 0, elf: of(32) }, pages, memorySink());
    if (fits32) make();
    else expect(failureOf(make)).toMatchObject({ code: "UNSUPPORTED", file: "memory" });
  }
});
