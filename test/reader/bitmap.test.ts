/** A bitmap's pages as a bitmap of their own. */
import { expect, test } from "vitest";
import { countBits, findBit, partOfBitmap, setBits, sharedBitmap, testBit } from "../../src/reader/bitmap.js";
import { stretchesOver } from "../../src/reader/stretches.js";
import { keptRanges } from "../../src/worker/chunks.js";

test("a part of a bitmap has the bits of its pages, and no others, also across stretches", () => {
  const far = 2 ** 30;
  const all = sharedBitmap(
    stretchesOver(
      [
        { start: 0, end: 300_000 },
        { start: far, end: far + 1000 },
      ],
      far + 1000,
    ),
  );
  for (const [start, end] of [
    [0, 3],
    [60, 130],
    [131_070, 131_080],
    [262_000, 262_144],
    [far, far + 70],
  ] as const) {
    setBits(all, start, end);
  }
  const borders = [0, 64, 128, 131_072, 262_080, far, far + 64, far + 1000];
  let seen = 0;
  for (const [i, start] of borders.slice(0, -1).entries()) {
    const end = borders[i + 1] as number;
    const part = partOfBitmap(all, start, end);
    expect(part.bytes).toBe(all.bytes);
    expect(countBits(part, 0, far + 1000)).toBe(countBits(all, start, end));
    expect(findBit(part, 0, far + 1000, true)).toBe(
      findBit(all, start, end, true) === end ? far + 1000 : findBit(all, start, end, true),
    );
    for (const pfn of [start - 1, start, start + 1, end - 1, end]) {
      expect(testBit(part, pfn)).toBe(pfn >= start && pfn < end && testBit(all, pfn));
    }
    for (const range of keptRanges(part, far + 1000, 16)) {
      expect(range.startPfn >= start && range.endPfn <= end).toBe(true);
      seen += countBits(part, range.startPfn, range.endPfn);
    }
  }
  expect(seen).toBe(countBits(all, 0, far + 1000));
});
