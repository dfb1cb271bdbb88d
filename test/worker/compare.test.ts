/** Tasks that read pages: which can be read, and which are the other dump's. Against the same, page by page. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { DumpError } from "../../src/errors.js";
import { setBits, sharedBitmap, testBit } from "../../src/reader/bitmap.js";
import type { PhysicalMemory } from "../../src/reader/physical-memory.js";
import { checkPages, checkState } from "../../src/worker/check.js";
import { comparePages, compareState } from "../../src/worker/compare.js";

const PAGE = 64;
const PAGES = 200;
const FILL = 0x58;

/** Memory of pages that are full of one byte each; -1: the page cannot be read. */
function memoryOf(pages: readonly number[]): PhysicalMemory {
  return {
    read(into, paddr) {
      for (let done = 0; done < into.length; done += PAGE) {
        const byte = pages[(paddr + done) / PAGE] as number;
        if (byte < 0) throw new DumpError("CORRUPT", "cannot be decoded", { file: "dump" });
        into.fill(byte, done, done + PAGE);
      }
      return into.length;
    },
    next: (paddr) => paddr,
  };
}

const contents = fc.array(fc.constantFrom(0, 1, 1, 1, 1, 2, FILL, -1), { minLength: PAGES, maxLength: PAGES });
const runs = fc.array(fc.tuple(fc.nat(PAGES), fc.nat(PAGES)));
const range = fc
  .tuple(fc.nat(PAGES), fc.nat(PAGES))
  .map(([a, b]) => ({ startPfn: Math.min(a, b), endPfn: Math.max(a, b) }));

function bitmapOf(kept: readonly (readonly [number, number])[]) {
  const bitmap = sharedBitmap(PAGES);
  for (const [a, b] of kept) setBits(bitmap, Math.min(a, b), Math.max(a, b));
  return bitmap;
}

test("check: pages that cannot be read are counted, named and taken from the bitmap; the others stay, and those of zeros are counted", () => {
  fc.assert(
    fc.property(contents, runs, range, (pages, kept, task) => {
      const bitmap = bitmapOf(kept);
      const asked = Array.from({ length: PAGES }, (_, pfn) => pfn).filter((pfn) => testBit(bitmap, pfn));
      const inTask = asked.filter((pfn) => pfn >= task.startPfn && pfn < task.endPfn);
      const bad = inTask.filter((pfn) => (pages[pfn] as number) < 0);
      const result = checkPages(checkState(memoryOf(pages), bitmap, PAGE), task);
      const zeros = inTask.filter((pfn) => pages[pfn] === 0).length;
      expect(result).toMatchObject({ pages: inTask.length, unreadable: bad.length, zeros });
      expect(result.faults.map(({ pfn }) => pfn)).toEqual(bad.slice(0, 16));
      const left = asked.filter((pfn) => testBit(bitmap, pfn));
      expect(left).toEqual(asked.filter((pfn) => !bad.includes(pfn)));
    }),
  );
});

test("compare: each page is equal, different, erased or unreadable in one of them", () => {
  fc.assert(
    fc.property(contents, contents, runs, range, (ours, theirs, kept, task) => {
      const bitmap = bitmapOf(kept);
      const inTask = Array.from({ length: PAGES }, (_, pfn) => pfn).filter(
        (pfn) => testBit(bitmap, pfn) && pfn >= task.startPfn && pfn < task.endPfn,
      );
      const readable = inTask.filter((pfn) => (ours[pfn] as number) >= 0 && (theirs[pfn] as number) >= 0);
      const unequal = readable.filter((pfn) => ours[pfn] !== theirs[pfn]);
      const different = unequal.filter((pfn) => ours[pfn] !== FILL);
      const result = comparePages(compareState(memoryOf(ours), memoryOf(theirs), bitmap, PAGE, [FILL]), task);
      expect(result).toEqual({
        pages: inTask.length,
        different: different.length,
        erased: unequal.length - different.length,
        differing: different.slice(0, 16),
        unreadable: inTask.length - readable.length,
      });
    }),
  );
});
