/** The tables of `coresieve bench`: medians, ratios run by run, and what stands there when a program fails. */
import { describe, expect, test } from "vitest";
import type { BenchMachine, ProgramComparison, ProgramRuns } from "../../src/bench/bench-result.js";
import { benchReport } from "../../src/bench/report.js";
import { median } from "../../src/bench/timing.js";

const machine: BenchMachine = {
  ...{ cpu: "a CPU", cores: 2, memory: 2 ** 33, kernel: "6.1", node: "v20", coresieve: "0.1.0" },
  ...{ load: [0.5, 0.4, 0.3], pressure: undefined, outputOnDisk: true, date: "2026-01-02T03:04:05.678Z" },
};
const dump = {
  ...{ format: "elf", description: "ELF64 vmcore", kernelRelease: "6.1.0", arch: "x86_64", pageSize: 4096 },
  ...{ memoryBytes: 2 ** 32, fileSize: 2 ** 32, memoryModel: "sparsemem, vmemmap" },
};

function rows(name: string, kind: ProgramRuns["kind"], threads: number, walls: number[], more = {}): ProgramRuns {
  const runs = walls.map((wall) => ({ wall, cpu: wall * 2, rss: 2 ** 20 * 100, size: 2 ** 20 * 50 }));
  return { name, kind, threads, runs, pages: 1000, ...more };
}

function table(...of: ProgramRuns[]): string {
  const comparison: ProgramComparison = { level: 31, codec: "zlib", machine, absent: ["one is absent"], rows: of };
  return benchReport({ dump, comparisons: [comparison] }, ["# Title", ""]);
}

test("the median of an odd and an even number of values, and of none", () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([])]).toEqual([2, 2.5, Number.NaN]);
});

describe("the report", () => {
  const single = rows("makedumpfile", "makedumpfile", 1, [4, 6, 8]);
  const ours = rows("coresieve, 2 workers", "coresieve", 2, [2, 2, 2]);

  test("says how many times as fast, from the ratios of neighbouring runs, with their range", () => {
    const text = table(single, ours);
    expect(text).toContain("| zlib | makedumpfile | 6.00 (4.00 to 8.00) | 12.0 | 100 | 50 | 1000 |");
    expect(text).toContain("| zlib | makedumpfile | 2 | **3.00** (2.00 to 4.00) | 3.00 | 100.0 % |");
    expect(text).toContain(
      "- zlib: 3 runs, 2026-01-02T03:04, 2 cores of a CPU, Node v20, coresieve 0.1.0, load 0.5 0.4 0.3",
    );
    expect(text).toContain("- zlib: one is absent");
    expect(text.startsWith("# Title\n\nDump: ELF64 vmcore, Linux 6.1.0, x86_64, sparsemem, vmemmap, 4.00 GiB")).toBe(
      true,
    );
  });

  test("compares with the faster of makedumpfile with one thread and with several, too", () => {
    const threaded = rows("makedumpfile --num-threads 2", "makedumpfile", 2, [3, 3, 3]);
    expect(table(single, threaded, ours)).toContain("| zlib | makedumpfile --num-threads 2 | 2 | **1.50**");
    const slower = rows("makedumpfile --num-threads 2", "makedumpfile", 2, [30, 30, 30]);
    expect(table(single, slower, ours)).not.toContain("--num-threads 2 | 2 |");
  });

  test("says that the programs keep different pages", () => {
    const more = { ...single, pages: 1010 };
    expect(table(more, ours)).toContain("| zlib | makedumpfile (keeps 10 pages more) | 2 |");
  });

  test("has the reason in place of figures that are not there", () => {
    const failed = rows("makedumpfile", "makedumpfile", 1, [], { failure: "ended with 1: no" });
    const text = table(failed, ours);
    expect(text).toContain("| zlib | makedumpfile | ended with 1: no |");
    expect(text).not.toContain("NaN");
    const elsewhere = { ...ours, runs: [{ wall: 1, size: 100 }] };
    expect(table(elsewhere)).toContain("| zlib | coresieve, 2 workers | 1.00 (1.00 to 1.00) |  |  | 0.0 | 1000 |");
  });

  test("computes makedumpfile's time for a codec that it lacks from two C loops", () => {
    const plain = rows("makedumpfile, none", "makedumpfile", 1, [5, 5]);
    const loops = [rows("C loop, none", "loop", 1, [1, 1]), rows("C loop", "loop", 1, [4, 4])];
    expect(table(plain, ...loops, ours)).toContain("| zlib | makedumpfile, computed | 2 | **4.00** (4.00 to 4.00)");
  });
});
