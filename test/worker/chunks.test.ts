/** Ranges of tasks: every page of the bitmap is in one of them, and in no other. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type PageBitmap, setBits, sharedBitmap, testBit } from "../../src/reader/bitmap.js";
import { toExtents } from "../../src/reader/extents.js";
import type { PfnRange } from "../../src/reader/pfn-range.js";
import { evenRanges, keptRanges } from "../../src/worker/chunks.js";

/** Steps of a machine's memory: each is there or not. Those of real dumps are 2^17 pages; that the code needs nothing of. */
const STEP = 512;
const STEPS = 6;

const machines = fc.record({
  /** The steps that are memory. */
  steps: fc.uniqueArray(fc.nat(STEPS - 1), { minLength: 1 }),
  /** Runs of kept pages: from a place in a step on. */
  runs: fc.array(
    fc.record({ step: fc.nat(STEPS - 1), at: fc.nat(STEP - 1), pages: fc.integer({ min: 1, max: STEP }) }),
    { maxLength: 12 },
  ),
  /** How many pages the machine ends before its last step. */
  cut: fc.nat(STEP - 1),
});

function bitmapOf(steps: readonly number[], runs: readonly { step: number; at: number; pages: number }[]): PageBitmap {
  const there = [...steps].sort((a, b) => a - b);
  const kept = sharedBitmap(
    toExtents(there.map((step, i) => ({ start: step * STEP, end: (step + 1) * STEP, source: i * STEP }))),
  );
  for (const { step, at, pages } of runs.filter((run) => there.includes(run.step))) {
    const start = step * STEP + at;
    setBits(kept, start, Math.min(start + pages, (step + 1) * STEP));
  }
  return kept;
}

/** The kept pages below `end`, by asking for each. */
function* keptOf(kept: PageBitmap, { startPfn, endPfn }: PfnRange): Generator<number> {
  for (let pfn = startPfn; pfn < endPfn; pfn++) if (testBit(kept, pfn)) yield pfn;
}

describe("ranges of kept pages", () => {
  test("each kept page below the end is in one range, in order; ranges begin at multiples of 8 and have not too many", () => {
    fc.assert(
      fc.property(machines, fc.constantFrom(8, 9, 64, 512), ({ cut, steps, runs }, most) => {
        const kept = bitmapOf(steps, runs);
        const maxMapnr = STEPS * STEP - cut;
        const ranges = [...keptRanges(kept, maxMapnr, most)];
        const pages = ranges.map((range) => [...keptOf(kept, range)]);
        expect(pages.flat()).toEqual([...keptOf(kept, { startPfn: 0, endPfn: maxMapnr })]);
        expect(pages.filter(({ length }) => length === 0 || length > most)).toEqual([]);
        const isWrong = ({ startPfn, endPfn }: PfnRange, i: number) =>
          startPfn % 8 !== 0 || (endPfn % 8 !== 0 && endPfn !== maxMapnr) || startPfn < (ranges[i - 1]?.endPfn ?? 0);
        expect(ranges.filter(isWrong)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

describe("even ranges", () => {
  test("half a step each, of each step below the end, in order", () => {
    fc.assert(
      fc.property(machines, ({ cut, steps }) => {
        const kept = bitmapOf(steps, []);
        const maxMapnr = STEPS * STEP - cut;
        const ranges = [...evenRanges(kept, maxMapnr, STEP / 2)];
        const expected = [...steps]
          .sort((a, b) => a - b)
          .flatMap((step) => [step * STEP, step * STEP + STEP / 2])
          .filter((startPfn) => startPfn < maxMapnr)
          .map((startPfn) => ({ startPfn, endPfn: Math.min(startPfn + STEP / 2, maxMapnr) }));
        expect(ranges).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });
});
