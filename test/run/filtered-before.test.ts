/** A dump that was filtered before: what it lacks is counted, by class, and is no hole in memory. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeResult, makedumpfileStats } from "../../src/cli/report.js";
import { openDump } from "../../src/reader/open.js";
import { type FilterResult, filterDump } from "../../src/run/filter-dump.js";
import { Warnings } from "../../src/warnings.js";
import { describeWithDumps, readGolden, realDump } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { goldenLevel } from "../support/golden.js";
import { failureOfAsync } from "../support/open.js";

const folder = temporaryFolder();
const [once, twice] = [join(folder, "once"), join(folder, "twice")];

/** Pages by class, of those in the input and those that it lacks. */
function allClasses({ classes, filteredBefore }: FilterResult) {
  const { zero, user, free, cache } = classes;
  const before = filteredBefore?.classes;
  const of = (name: "user" | "free" | "cache") => before?.[name] ?? 0;
  return { zero, user: user + of("user"), free: free + of("free"), cache: cache + of("cache") };
}

describeWithDumps("what an earlier filtering dropped is counted as what it is", () => {
  const cases = [
    ["tiny-x86-6.1", "kdump", 16],
    ["tiny-x86-6.1", "kdump", 31],
    ["tiny-x86-6.1", "elf", 16],
    ["tiny-x86-6.12", "kdump", 31],
  ] as const;
  test.each(cases)("%s as %s of level %i, filtered at level 31", async (name, format, level) => {
    await filterFile((await realDump(name)).vmcore, once, { level, format });
    const result = await filterFile(once, twice, { level: 31 });
    const { counts } = goldenLevel(readGolden(name), 31);
    expect(allClasses(result)).toMatchObject({ user: counts.user, free: counts.free, cache: counts.cache_nonprivate });
    const stats = makedumpfileStats(result, "kdump").join("\n");
    const hex = (count: number) => `0x${count.toString(16).padStart(16, "0")}`;
    expect(stats).toContain(`Original pages  : ${hex(counts.original)}\n`);
    expect(stats).toContain(`Free pages              : ${hex(counts.free)}\n`);
    expect(stats).toContain(`Remaining pages  : ${hex(counts.remaining)}\n`);
    expect(stats).toContain(`Memory Hole     : ${hex(result.maxMapnr - counts.original)}\n`);
  });

  test("at a lower level than before, by the classes of both levels", async () => {
    await filterFile((await realDump("tiny-x86-6.1")).vmcore, once, { level: 31 });
    const { filteredBefore, classes } = await filterFile(once, twice, { level: 0 });
    const { counts } = goldenLevel(readGolden("tiny-x86-6.1"), 31);
    expect(filteredBefore?.classes).toMatchObject({ user: counts.user, free: counts.free, kept: 0 });
    expect(classes).toMatchObject({ user: 0, free: 0, kept: counts.remaining });
  });

  test("of a dump that is cut off they are called missing: nobody filtered it", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    writeFileSync(once, readFileSync(vmcore).subarray(0, 20_000_000));
    const dump = openDump(once, new Warnings(), { salvage: true });
    // No text that is given brings back what is lost.
    const failure = await failureOfAsync(() => filterDump(dump, { output: { discard: true, name: "nowhere" } }));
    expect(failure).toMatchObject({
      code: "CANNOT_FILTER",
      cure: expect.stringMatching(/in the part that is missing/),
    });
    expect(failure.cure).not.toContain("vmlinux");
    const result = await filterDump(dump, { output: { discard: true, name: "nowhere" }, level: 1 });
    const lines = describeResult(dump, result, "nowhere", 1).join("\n");
    dump.close();
    expect(lines).toMatch(/^ {2}missing +[\d,]+ {2}not in the input/m);
    expect(lines).not.toContain("filtered before");
  });

  test("those whose struct pages are gone too are counted as other ones", async () => {
    await filterFile((await realDump("tiny-x86-6.1")).vmcore, once, { excludeUnusedVmemmap: true });
    const dump = openDump(once);
    const result = await filterDump(dump, { output: { discard: true, name: "nowhere" } });
    const row = describeResult(dump, result, "nowhere", 1).find((line) => line.includes("filtered before")) ?? "";
    dump.close();
    const [all = 0, ...parts] = [...row.matchAll(/[\d,]+(?=[ ,)])/g)].map(([digits]) =>
      Number(digits.replaceAll(",", "")),
    );
    expect(row).toContain(", other ");
    expect(parts.reduce((sum, one) => sum + one, 0)).toBe(all);
  });

  test("a dump that lacks nothing has no such number", async () => {
    const result = await filterFile((await realDump("tiny-x86-6.1")).vmcore, once, { level: 31 });
    expect(result.filteredBefore).toBeUndefined();
  });
});
