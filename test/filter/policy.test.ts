import { describe, expect, test } from "vitest";
import { levelOfNames, namesOfLevel, needsStructPages, policyOfLevel } from "../../src/filter/policy.js";
import { failureOf } from "../support/open.js";

describe("dump levels", () => {
  test("each bit is one class, with makedumpfile's meaning", () => {
    const classes = ["zero", "cache", "cachePrivate", "user", "free"] as const;
    classes.forEach((name, bit) => {
      const policy = policyOfLevel(1 << bit);
      expect(classes.filter((other) => policy[other])).toEqual([name]);
    });
  });

  test("names and levels are the same for all 32 levels", () => {
    for (let level = 0; level < 32; level++) expect(levelOfNames(namesOfLevel(level))).toBe(level);
    expect(namesOfLevel(31)).toEqual(["zero", "cache", "cache-private", "user", "free"]);
    expect(levelOfNames(["free", "zero", "free"])).toBe(17);
  });

  test.each([-1, 32, 1.5, Number.NaN])("%d is none", (level) => {
    expect(failureOf(() => policyOfLevel(level)).code).toBe("BAD_OPTION");
  });

  test.each(["", "Zero", "all", "toString"])("%j is no class", (name) => {
    expect(failureOf(() => levelOfNames([name]))).toMatchObject({
      code: "BAD_OPTION",
      cure: expect.stringContaining("zero, cache"),
    });
  });

  test("only 0 and 1 do without struct pages", () => {
    expect(Array.from({ length: 32 }, (_, level) => level).filter((level) => !needsStructPages(level))).toEqual([0, 1]);
  });
});
