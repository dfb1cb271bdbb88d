/** What the page's script does without a screen: rows, cells under a column, words, places. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatBytes } from "../../src/byte-size.js";
import { HOLE, type Payload } from "../../src/report/page/payload.js";
import { cellCounter, gapAt, layRows, rowPlaceOf, rowStart, wholeSpan } from "../../src/report/page/rows.js";
import { address, pageOfText, partText, placesText, shareOfStates } from "../../src/report/page/words.js";

const segmentLists = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 1, max: 600 })), { minLength: 1, maxLength: 8 })
  .map((list) => {
    let at = 0;
    return list.map(([gap, cells]): readonly [number, number] => {
      const start = at + gap;
      at = start + cells;
      return [start, cells];
    });
  });

test("every page of memory has a row, rows are in order, and a row knows its first page", () => {
  fc.assert(
    fc.property(segmentLists, fc.constantFrom(64, 128, 1024), (segments, span) => {
      const rows = layRows(segments, 1, span);
      for (const [start, cells] of segments) {
        for (const pfn of [start, start + Math.floor(cells / 2), start + cells - 1]) {
          const place = rowPlaceOf(rows, pfn);
          expect(place).toBeLessThan(rows.total);
          expect(rowStart(rows, place)).toBe(Math.floor(pfn / span) * span);
        }
      }
      let before = -1;
      for (let at = 0; at < rows.total; at++) {
        const start = rowStart(rows, at);
        if (start === undefined) {
          expect(gapAt(rows, at)).toBeGreaterThan(0);
          continue;
        }
        expect(start).toBeGreaterThan(before);
        before = start;
      }
    }),
  );
});

test("cells of a range are those of its pages, over the borders of segments too", () => {
  fc.assert(
    fc.property(
      segmentLists,
      fc.integer({ min: 0, max: 9000 }),
      fc.integer({ min: 1, max: 3000 }),
      (segments, from, length) => {
        const all = segments.reduce((sum, [, cells]) => sum + cells, 0);
        const cells = Uint8Array.from({ length: all }, (_, i) => (i % 7 === 6 ? HOLE : i % 7));
        const states = new Map<number, number>();
        let at = 0;
        for (const [start, count] of segments) {
          for (let i = 0; i < count; i++) states.set(start + i, cells[at + i] as number);
          at += count;
        }
        const expected = new Uint32Array(256);
        for (let pfn = from; pfn < from + length; pfn++) {
          const state = states.get(pfn) ?? HOLE;
          if (state !== HOLE) expected[state] = (expected[state] as number) + 1;
        }
        const counts = new Uint32Array(256);
        const found = cellCounter({ segments, unit: 1 }, cells).count(from, from + length, counts);
        expect(counts).toEqual(expected);
        expect(found).toBe(expected.reduce((a, b) => a + b, 0));
      },
    ),
  );
});

test("at the widest zoom all rows are in sight", () => {
  const segments = [
    [0, 2 ** 19],
    [2 ** 20, 2 ** 21],
  ] as const;
  const span = wholeSpan(segments, 1, 64, 30);
  expect(layRows(segments, 1, span).total).toBeLessThanOrEqual(30);
  expect(layRows(segments, 1, span / 2).total).toBeGreaterThan(30);
});

const payload: Payload = {
  pageSize: 4096,
  unit: 1,
  segments: [[0, 100]],
  kinds: ["no struct page", "slab"],
  groupOf: [0, 1],
  groups: [],
  fates: ["not in the input", "kept", "zeros", "dropped"],
  places: [
    { type: "zone", name: "Normal", start: 50, end: 100 },
    { type: "node", name: "node 0", start: 0, end: 100 },
  ],
};

test("addresses, sizes, shares and places in words", () => {
  expect(address(0x100000, 4096)).toBe("0x100000000");
  expect(address(2 ** 40, 65536)).toBe("0x100000000000000");
  expect([formatBytes(512), formatBytes(4096), formatBytes(1.5 * 2 ** 30)]).toEqual(["512 bytes", "4 KiB", "1.5 GiB"]);
  expect(placesText(payload, 60)).toBe("node 0, zone Normal");
  expect(placesText(payload, 10)).toBe("node 0");
  const counts = new Uint32Array(256);
  counts[5] = 3;
  counts[7] = 1;
  const parts = shareOfStates(counts, 4);
  expect(parts.map((part) => partText(payload, part, false))).toEqual(["75 % slab: kept", "25 % slab: dropped"]);
  expect(partText(payload, { state: 5, share: 1 }, true)).toBe("slab: kept");
});

test.each([
  ["0x1f000", 31],
  ["0x1_0000_0000", 2 ** 20],
  ["pfn 1234", 1234],
  ["PFN 0x10", 16],
  ["3.5G", 3.5 * 2 ** 18],
  ["64 MiB", 2 ** 14],
  ["8192", 2],
  ["", undefined],
  ["-1", undefined],
  ["0xffffffffffffffff", undefined],
  ["<b>", undefined],
])("%j is page %s", (text, page) => {
  expect(pageOfText(text, 4096)).toBe(page);
});
