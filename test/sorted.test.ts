import fc from "fast-check";
import { expect, test } from "vitest";
import { firstAbove } from "../src/sorted.js";

test("the first above a limit is the one that a look at each finds", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 })), fc.integer({ min: -1, max: 51 }), (values, limit) => {
      const sorted = values.sort((a, b) => a - b);
      const found = sorted.findIndex((value) => value > limit);
      expect(firstAbove(sorted, limit)).toBe(found < 0 ? sorted.length : found);
    }),
  );
});
