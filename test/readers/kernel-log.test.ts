import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasMakedumpfile, runTool, withTempDir } from "../support/external-tools.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, type KernelOptions } from "../support/kernel-image.js";

/** What makedumpfile --dump-dmesg writes. */
function dmesg(options: KernelOptions): string {
  return withTempDir((folder) => {
    const [input, output] = [join(folder, "vmcore"), join(folder, "log")];
    writeElf(input, buildKernel(options));
    const run = runTool("makedumpfile", ["--dump-dmesg", input, output]);
    expect(run.stdout + run.stderr).toContain("The dmesg log is saved");
    return readFileSync(output, "latin1");
  });
}

/** 120 records of growing length: more than either ring holds. */
const many = Array.from({ length: 120 }, (_, index) => ({
  text: `record ${index} ${"x".repeat(index % 70)}`,
  nanoseconds: index * 1_000_001_000,
}));

describe.skipIf(!hasMakedumpfile)("logs read by makedumpfile", () => {
  const releases = ["2.6.32", "3.5.0", "3.11.0", "4.18.0", "5.1.0", "5.10.0", "6.1.0", "6.12.0"];

  test.each(releases)("%s", (release) => {
    const records = [
      { text: "first", nanoseconds: 5_000 },
      { text: "second line", nanoseconds: 12_345_678_000 },
    ];
    const text = dmesg({ release, log: { records } });
    expect(text).toMatch(/\[ {4}0\.000005\] (\[ +T1\] )?first\n.*\[ {3}12\.345678\] (\[ +T1\] )?second line\n/);
  });

  test("a ring of records that has wrapped keeps the newest, without a gap", () => {
    const lines = dmesg({ release: "6.1.0", log: { records: many, firstId: 1000, firstPosition: 4096 * 5 + 64 } });
    const numbers = [...lines.matchAll(/record (\d+) /g)].map(([, number]) => Number(number));
    expect(numbers.at(-1)).toBe(119);
    expect(numbers.length).toBeGreaterThan(20);
    expect(numbers).toEqual(numbers.map((_, index) => 120 - numbers.length + index));
  });
});
