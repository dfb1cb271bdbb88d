/** The map's cells: every page where it is, shares that come out right, and a size that is bounded whatever the machine. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { setBits, sharedBitmap } from "../../src/reader/bitmap.js";
import { CellMapBuilder } from "../../src/report/cell-map.js";
import { BLOCK_CELLS, MAX_CELLS, mapSpans } from "../../src/report/memory-spans.js";
import { HOLE } from "../../src/report/page/payload.js";

test("with a cell for every page each page is where it is, but for large holes, which are cut out", () => {
  const builder = new CellMapBuilder({ unit: 1, spans: [{ startPfn: 100, endPfn: 2100 }] });
  builder.add(5, 10);
  builder.add(HOLE, 20);
  builder.add(7, 70);
  builder.add(HOLE, 1500);
  builder.add(9, 100);
  builder.add(HOLE, 300);
  const { segments, cells } = builder.finish();
  expect(segments).toEqual([
    { startPfn: 100, cells: 100 },
    { startPfn: 1700, cells: 100 },
  ]);
  const expected = [...Array(10).fill(5), ...Array(20).fill(HOLE), ...Array(70).fill(7), ...Array(100).fill(9)];
  expect([...cells]).toEqual(expected);
});

test("cells of several pages have the shares of the states, over each 16 cells and over all", () => {
  const runs = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 900 })), { minLength: 1 });
  fc.assert(
    fc.property(runs, fc.constantFrom(2, 8, 64), (given, unit) => {
      const block = unit * BLOCK_CELLS;
      const total = given.reduce((sum, [, count]) => sum + count, 0);
      const end = Math.ceil(total / block) * block;
      const all = end > total ? [...given, [0, end - total] as const] : given;
      const builder = new CellMapBuilder({ unit, spans: [{ startPfn: 0, endPfn: end }] });
      for (const [state, count] of all) builder.add(state, count);
      const { cells, segments } = builder.finish();
      expect(segments).toEqual([{ startPfn: 0, cells: end / unit }]);
      const pages = all.flatMap(([state, count]) => Array<number>(count).fill(state));
      for (let at = 0; at < cells.length; at += BLOCK_CELLS) {
        const there = new Set(pages.slice(at * unit, at * unit + block));
        expect([...cells.subarray(at, at + BLOCK_CELLS)].filter((state) => !there.has(state))).toEqual([]);
      }
      for (let state = 0; state < 7; state++) {
        const wanted = pages.filter((one) => one === state).length / unit;
        const got = cells.filter((one) => one === state).length;
        // What is carried on is less than a block, whatever the order of the states.
        expect(Math.abs(got - wanted)).toBeLessThan(BLOCK_CELLS);
      }
    }),
  );
});

test.each([
  ["64 MiB", 2 ** 14, 1],
  ["16 GiB", 2 ** 22, 1],
  ["64 GiB", 2 ** 24, 4],
  ["1 TiB", 2 ** 28, 64],
])("%s of 4 KiB pages: %i pages, %i a cell", (_, pages, unit) => {
  const exists = sharedBitmap(pages);
  setBits(exists, 0, pages);
  const map = mapSpans(exists, pages, []);
  expect(map).toEqual({ unit, spans: [{ startPfn: 0, endPfn: pages }] });
  expect(pages / map.unit).toBeLessThanOrEqual(MAX_CELLS);
});

test("gaps are left out, small ones are not, and there are few spans however torn memory is", () => {
  const pages = 2 ** 20;
  const exists = sharedBitmap(pages * 8);
  setBits(exists, 0, 160);
  setBits(exists, 256, pages);
  setBits(exists, 4 * pages, 5 * pages);
  expect(mapSpans(exists, pages * 8, []).spans).toEqual([
    { startPfn: 0, endPfn: pages },
    { startPfn: 4 * pages, endPfn: 5 * pages },
  ]);
  const torn = sharedBitmap(2 ** 26);
  for (let pfn = 0; pfn < 2 ** 26; pfn += 4096) setBits(torn, pfn, pfn + 64);
  expect(mapSpans(torn, 2 ** 26, []).spans.length).toBeLessThanOrEqual(2 ** 14);
  const { spans, unit } = mapSpans(torn, 2 ** 26, [], 2 ** 12);
  const cells = spans.reduce((sum, { startPfn, endPfn }) => sum + (endPfn - startPfn) / unit, 0);
  expect(cells).toBeLessThanOrEqual(2 ** 12);
});

test("struct pages make memory too, as far as the dump goes", () => {
  const exists = sharedBitmap(1000);
  setBits(exists, 0, 100);
  const sections = [
    { startPfn: 0, endPfn: 512 },
    { startPfn: 900, endPfn: 4096 },
  ];
  expect(mapSpans(exists, 1000, sections)).toEqual({
    unit: 1,
    spans: [
      { startPfn: 0, endPfn: 512 },
      { startPfn: 900, endPfn: 1000 },
    ],
  });
});
