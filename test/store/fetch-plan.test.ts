/** What is fetched ahead: the planned bytes and small gaps between them, in requests of a bounded size. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { FetchPlan } from "../../src/store/fetch-plan.js";

const planOf = (ranges: readonly (readonly [number, number])[], gap = 10) => {
  const plan = new FetchPlan(gap);
  plan.add(Float64Array.from(ranges.flat()));
  return plan;
};
const all = (plan: FetchPlan, most: number) => {
  const pieces = [];
  for (let piece = plan.next(most); piece !== undefined; piece = plan.next(most)) pieces.push([piece.start, piece.end]);
  return pieces;
};

test("ranges with small gaps become one request, and large gaps are left out", () => {
  const ranges = [
    [0, 5],
    [15, 20],
    [31, 40],
  ] as const;
  expect(all(planOf(ranges), 1000)).toEqual([
    [0, 20],
    [31, 40],
  ]);
});

test("a long range is cut", () => {
  expect(all(planOf([[0, 25]]), 10)).toEqual([
    [0, 10],
    [10, 20],
    [20, 25],
  ]);
});

test("pieces of a long range end where lines of the cache do, and take no part of what does not fit", () => {
  const [LINE, MIB] = [65_536, 2 ** 20];
  expect(all(planOf([[7024, 3 * MIB]]), MIB)).toEqual([
    [7024, MIB],
    [MIB, 2 * MIB],
    [2 * MIB, 3 * MIB],
  ]);
  const next = 24 * LINE + 5;
  expect(
    all(
      planOf([
        [8 * LINE, next - 5],
        [next, next + LINE],
      ]),
      MIB + 10,
    ),
  ).toEqual([
    [8 * LINE, next - 5],
    [next, next + LINE],
  ]);
});

test("what a thread waits for is brought forward with what comes before it", () => {
  const plan = planOf([
    [0, 5],
    [100, 105],
    [200, 205],
    [300, 305],
  ]);
  expect(plan.upTo(202, 203, 1000).map(({ start }) => start)).toEqual([0, 100, 200]);
  expect(plan.upTo(202, 203, 1000)).toEqual([]);
  expect(plan.next(1000)?.start).toBe(300);
});

test("every planned byte comes once, in order, and none beyond gaps of the size that is allowed", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 60 })), { minLength: 1 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 50, max: 100 }), (list, most) => {
      let at = 0;
      const ranges = list.map(([gap, length]) => {
        const start = at + gap;
        at = start + length;
        return [start, at] as const;
      });
      const pieces = all(planOf(ranges), most);
      for (const [i, [start, end]] of pieces.entries()) {
        expect((end as number) - (start as number)).toBeLessThanOrEqual(most);
        if (i > 0) expect(start).toBeGreaterThanOrEqual(pieces[i - 1]?.[1] as number);
      }
      const wanted = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
      const covered = ranges.reduce(
        (sum, [start, end]) =>
          sum +
          pieces.reduce((n, [a, b]) => n + Math.max(0, Math.min(end, b as number) - Math.max(start, a as number)), 0),
        0,
      );
      expect(covered).toBe(wanted);
    }),
  );
});
