/** Sums out of samples: exact where everything was looked at, within the error as often as promised, the same each time. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drawSorted, totalOf } from "../../src/estimate/bounds.js";

const MOST = 4096;

/** Page sizes as dumps have them, and worse: what a sum can be made of. */
const populations: Readonly<Record<string, (i: number) => number>> = {
  "all equal": () => 1000,
  "zero or whole": (i) => (i % 3 === 0 ? MOST : 0),
  "one in a thousand is large": (i) => (i % 1000 === 0 ? MOST : 10),
  "small ones first": (i) => i % MOST,
};

describe.each(Object.entries(populations))("%s", (_, sizeOf) => {
  const all = Float64Array.from({ length: 20_000 }, (_, i) => sizeOf(i));
  const truth = all.reduce((sum, value) => sum + value, 0);

  test("the true sum lies within the error in 99 of 100 samples at least", () => {
    let wrong = 0;
    for (let seed = 0; seed < 400; seed++) {
      const values = drawSorted(500, all.length, seed).map((i) => all[i] as number);
      const { sum, error } = totalOf({ values, most: MOST, population: all.length }, 0.01);
      if (Math.abs(sum - truth) > error) wrong++;
    }
    expect(wrong).toBeLessThanOrEqual(4);
  });

  test("everything looked at is exact", () => {
    expect(totalOf({ values: all, most: MOST, population: all.length }, 0.01)).toEqual({ sum: truth, error: 0 });
  });
});

test("nothing looked at says nothing", () => {
  expect(totalOf({ values: [], most: MOST, population: 10 }, 0.01)).toEqual({ sum: 0, error: 10 * MOST });
});

test("drawn numbers are different, ascending, within the population, and the same for the same seed", () => {
  fc.assert(
    fc.property(fc.nat(300), fc.integer({ min: 1, max: 1000 }), fc.integer(), (count, population, seed) => {
      const drawn = [...drawSorted(count, population, seed)];
      expect(drawn).toHaveLength(Math.min(count, population));
      expect(drawn).toEqual([...new Set(drawn)].sort((a, b) => a - b));
      expect(drawn.every((one) => one >= 0 && one < population)).toBe(true);
      expect([...drawSorted(count, population, seed)]).toEqual(drawn);
    }),
  );
});
