/** A bitmap's pages as a bitmap of their own. */
import { expect, test } from "vitest";
import {
  countBits,
  findBit,
  nextRun,
  partOfBitmap,
  runsFrom,
  setBits,
  sharedBitmap,
  testBit,
} from "../../src/reader/bitmap.js";
import { bitmapFrom } from "../../src/reader/bitmap-pieces.js";
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

test("pieces of a bitmap have the bits of its pages, wherever they and its stretches are cut", async () => {
  const far = 2 ** 30;
  const bits = sharedBitmap(
    stretchesOver(
      [131_072, far].map((start) => ({ start, end: start + 131_072 })),
      far,
    ),
  );
  bits.bytes.forEach((_, i) => {
    bits.bytes[i] = (i * 37) >> 3;
  });
  for (const length of [1000, 16_384, 20_001, 1 << 20]) {
    for (const firstPfn of [0, 140_000, far + 8]) {
      const pieces = Array.from({ length: Math.ceil(bits.bytes.length / length) }, (_, i) =>
        bits.bytes.subarray(i * length, (i + 1) * length),
      );
      let pages = 0;
      for await (const { pfn, bytes } of bitmapFrom(firstPfn, { ...bits, pieces: () => pieces })) {
        expect(pfn).toBeGreaterThanOrEqual(firstPfn);
        const end = pfn + 8 * bytes.length;
        const wrong = Array.from({ length: end - pfn }, (_, i) => i).filter(
          (i) => (((bytes[i >> 3] as number) >> (i & 7)) & 1) !== Number(testBit(bits, pfn + i)),
        );
        expect(wrong).toEqual([]);
        pages += end - pfn;
      }
      const { start, end } = bits.stretches;
      expect(pages).toBe(
        Array.from(start, (s, i) => Math.max(0, (end[i] as number) - Math.max(s, firstPfn))).reduce((a, b) => a + b),
      );
    }
  }
});

test("runs and tasks of a bitmap are what its bits say, in one stretch and across several", () => {
  const far = 2 ** 33;
  for (const second of [undefined, far]) {
    const most = (second ?? 0) + 131_072;
    const ranges = [{ start: 0, end: 131_072 }, ...(second === undefined ? [] : [{ start: second, end: most }])];
    const bits = sharedBitmap(stretchesOver(ranges, most));
    // Runs of all lengths from 1 page on, also across bytes, up to the end of each stretch.
    const set: [number, number][] = [];
    for (const { start, end } of ranges) {
      for (let pfn = start + 3, n = 1; pfn + n < start + 20_000; pfn += n + (n % 29) + 1, n += 3)
        set.push([pfn, pfn + n]);
      set.push([end - 2, end]);
    }
    for (const [start, end] of set) setBits(bits, start, end);
    const runs: [number, number][] = [];
    for (const run = runsFrom(0); nextRun(bits, run, most); ) runs.push([run.start, run.end]);
    expect(runs).toEqual(set);
    const cut = runsFrom((set[5] as [number, number])[0] + 1);
    expect(nextRun(bits, cut, (set[5] as [number, number])[1] - 1)).toBe(true);
    expect(cut).toEqual({ start: (set[5] as [number, number])[0] + 1, end: (set[5] as [number, number])[1] - 1 });
    for (const pages of [6, 64, 1000]) expect([...keptRanges(bits, most, pages)]).toEqual(tasksOf(set, most, pages));
  }
});

/** The tasks of such runs, byte by byte. */
function tasksOf(runs: readonly (readonly [number, number])[], most: number, pages: number) {
  const bytes = new Map<number, number>();
  for (const [start, end] of runs) {
    for (let pfn = start; pfn < end; pfn++) bytes.set(Math.floor(pfn / 8), (bytes.get(Math.floor(pfn / 8)) ?? 0) + 1);
  }
  const tasks: { startPfn: number; endPfn: number }[] = [];
  let open: { start: number; count: number } | undefined;
  for (const [byte, count] of bytes) {
    if (open !== undefined && open.count + count > pages) {
      tasks.push({ startPfn: open.start, endPfn: byte * 8 });
      open = undefined;
    }
    open = { start: open?.start ?? byte * 8, count: (open?.count ?? 0) + count };
  }
  if (open !== undefined) tasks.push({ startPfn: open.start, endPfn: most });
  return tasks;
}
