import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type PageBitmap, setBits, sharedBitmap, testBit } from "../../src/reader/bitmap.js";
import { type OutputSegment, piecesOf } from "../../src/writer/elf-pieces.js";
import { findIslands, type Islands } from "../../src/writer/islands.js";

const PAGE = 4096;
const PFNS = 512;

function bitmapOf(runs: readonly { start: number; length: number }[], pfns = PFNS): PageBitmap {
  const bitmap = sharedBitmap(pfns);
  for (const { start, length } of runs) setBits(bitmap, start, Math.min(start + length, pfns));
  return bitmap;
}

const runs = fc.array(fc.record({ start: fc.nat(PFNS - 1), length: fc.integer({ min: 1, max: 40 }) }), {
  maxLength: 20,
});
const toList = ({ startPfn, endPfn, offset }: Islands) =>
  startPfn.map((start, i) => ({ start, end: endPfn[i] as number, offset: offset[i] as number }));

describe("islands", () => {
  test("every kept page is in one; they are ascending, apart, and lie behind each other in the file", () => {
    fc.assert(
      fc.property(runs, (described) => {
        const kept = bitmapOf(described);
        const islands = findIslands(kept, PFNS, PAGE);
        let offset = 0;
        let last = -1;
        const covered = new Set<number>();
        for (const island of toList(islands)) {
          expect(island.start).toBeGreaterThan(last);
          expect(island.offset).toBe(offset);
          offset += (island.end - island.start) * PAGE;
          last = island.end;
          for (let pfn = island.start; pfn < island.end; pfn++) covered.add(pfn);
        }
        expect(islands.size).toBe(offset);
        for (let pfn = 0; pfn < PFNS; pfn++) expect(covered.has(pfn)).toBe(testBit(kept, pfn));
      }),
    );
  });

  test("few islands: each hole ends one, so that no dropped page has bytes", () => {
    expect(
      toList(
        findIslands(
          bitmapOf([
            { start: 3, length: 2 },
            { start: 6, length: 1 },
          ]),
          PFNS,
          PAGE,
        ),
      ),
    ).toEqual([
      { start: 3, end: 5, offset: 0 },
      { start: 6, end: 7, offset: 2 * PAGE },
    ]);
  });

  test("many: short holes are taken in until there are 4,096, but none of 256 pages and more", () => {
    const single = Array.from({ length: 5000 }, (_, i) => ({ start: i * 2, length: 1 }));
    const far = { start: 20_000, length: 1 };
    expect(toList(findIslands(bitmapOf([...single, far], 30_000), 30_000, PAGE))).toMatchObject([
      { start: 0, end: 9999 },
      { start: 20_000, end: 20_001 },
    ]);
  });

  test("a format's limit is kept, whatever holes it takes", () => {
    const kept = bitmapOf(
      Array.from({ length: 40 }, (_, i) => ({ start: i * 500, length: 1 })),
      20_000,
    );
    expect(findIslands(kept, 20_000, PAGE).startPfn).toHaveLength(40);
    expect(findIslands(kept, 20_000, PAGE, { limit: 10 }).startPfn.length).toBeLessThanOrEqual(10);
  });

  test("no kept page, no island", () =>
    expect(findIslands(bitmapOf([]), PFNS, PAGE)).toMatchObject({ startPfn: [], size: 0 }));
});

describe("the PT_LOADs of a segment", () => {
  const vaddr = 0xffff_8880_0000_0000n;

  test("cover its memory once, and give each kept page its place in the file", () => {
    const borders = fc.tuple(fc.nat(PFNS * PAGE - 1), fc.integer({ min: 1, max: PFNS * PAGE }));
    fc.assert(
      fc.property(runs, borders, (described, [start, length]) => {
        const islands = findIslands(bitmapOf(described), PFNS, PAGE);
        const segment: OutputSegment = { start, end: start + length, vaddr, flags: 7 };
        let position = start;
        for (const piece of piecesOf(segment, islands, PAGE)) {
          expect([piece.paddr, piece.vaddr, piece.flags]).toEqual([position, vaddr + BigInt(position - start), 7]);
          expect(piece.memsz).toBeGreaterThanOrEqual(piece.filesz);
          expect(piece.memsz).toBeGreaterThan(0);
          for (let at = piece.paddr; at < piece.paddr + piece.filesz; at += PAGE - (at % PAGE)) {
            const island = toList(islands).find((one) => at >= one.start * PAGE && at < one.end * PAGE);
            expect(piece.offset + (at - piece.paddr)).toBe(
              (island?.offset ?? Number.NaN) + (at - (island?.start ?? 0) * PAGE),
            );
          }
          position += piece.memsz;
        }
        expect(position).toBe(segment.end);
      }),
    );
  });
});
