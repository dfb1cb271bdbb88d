/** Parts of an upload: whatever an output may become, the store's limits hold. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  EQUAL_PART_SIZE,
  FIRST_PART_SIZE,
  MAX_OBJECT_SIZE,
  MAX_PART_SIZE,
  MAX_PARTS,
  partPlan,
} from "../../src/store/part-plan.js";

/** S3 User Guide, "multipart upload limits": the least bytes of a part, except the last one. */
const MIN_PART_SIZE = 5 * 2 ** 20;

const sizes = (plan: ReturnType<typeof partPlan>) =>
  Array.from({ length: plan.parts }, (_, i) => plan.start(i + 1) - plan.start(i));

test("any size up to the largest object: at most 10,000 parts of 5 MiB to 5 GiB that cover it", () => {
  const anySize = fc.oneof(
    fc.integer({ min: 0, max: 2 ** 31 }),
    fc.double({ min: 0, max: Math.log2(MAX_OBJECT_SIZE), noNaN: true }).map((log) => Math.floor(2 ** log)),
    fc.constantFrom(MAX_OBJECT_SIZE, FIRST_PART_SIZE * MAX_PARTS, FIRST_PART_SIZE * MAX_PARTS + 1),
  );
  fc.assert(
    fc.property(anySize, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (most, place) => {
      const plan = partPlan(most);
      expect(plan.parts).toBeLessThanOrEqual(MAX_PARTS);
      expect(plan.start(0)).toBe(0);
      expect(plan.start(plan.parts)).toBeGreaterThanOrEqual(most);
      expect(Math.min(...sizes(plan))).toBeGreaterThanOrEqual(MIN_PART_SIZE);
      expect(Math.max(...sizes(plan))).toBeLessThanOrEqual(MAX_PART_SIZE);
      const offset = Math.floor(place * Math.max(1, most));
      const index = plan.indexOf(offset);
      expect(plan.start(index)).toBeLessThanOrEqual(offset);
      expect(plan.start(index + 1)).toBeGreaterThan(offset);
    }),
    { numRuns: 60 },
  );
});

test("parts are of one size where 24 MiB are enough, and grow where they are not", () => {
  expect(new Set(sizes(partPlan(FIRST_PART_SIZE * MAX_PARTS)))).toEqual(new Set([FIRST_PART_SIZE]));
  expect(new Set(sizes(partPlan(FIRST_PART_SIZE * MAX_PARTS + 1)))).toEqual(new Set([FIRST_PART_SIZE + 2 ** 20]));
  expect(new Set(sizes(partPlan(EQUAL_PART_SIZE * MAX_PARTS)))).toEqual(new Set([EQUAL_PART_SIZE]));
  const large = sizes(partPlan(2 ** 40));
  expect(large[0]).toBe(FIRST_PART_SIZE);
  expect(large.every((size, i) => i === 0 || size >= (large[i - 1] as number))).toBe(true);
});

test("what is larger than an object can be gets the largest plan there is", () => {
  const plan = partPlan(1e18);
  expect(plan.start(plan.parts)).toBe(MAX_OBJECT_SIZE);
});

test("a share of the parts is a plan of its own", () => {
  const plan = partPlan(100 * 2 ** 30, 100);
  expect(plan.parts).toBeLessThanOrEqual(100);
  expect(plan.start(plan.parts)).toBeGreaterThanOrEqual(100 * 2 ** 30);
});
