/** An output written in shards is byte for byte the one that a single run writes. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { WorkerThreads } from "../../src/worker/threads.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, type RunOptions, temporaryFolder } from "../support/filter.js";
import { planInFolder } from "../support/folder-shards.js";

const folder = temporaryFolder();
const threads = new WorkerThreads(2);
afterAll(() => threads.destroy());

/** Plans, makes `shards` shards at once, from the last to the first, and finishes. */
async function filterInShards(input: string, output: string, shards: number, by: RunOptions) {
  const { run, plan, digest, shard, finish } = await planInFolder(
    { input, output, spoolDir: folder, threads },
    shards,
    by,
  );
  await Promise.all(plan.shards.map((_, i) => shard(plan.shards.length - 1 - i)));
  // Two jobs finish it at once, as when one was taken for dead: they write the same, and both find it done.
  const [result, other] = await Promise.all([finish(), finish()]);
  expect(other).toEqual(result);
  await run.removePlan(digest);
  run.letGo();
  expect(existsSync(`${output}.coresieve-1d`)).toBe(false);
  return result;
}

const RUNS: readonly RunOptions[] = [
  { codec: "none" },
  { codec: "zlib" },
  { codec: "lzo" },
  { codec: "snappy" },
  { codec: "zstd" },
  { format: "elf" },
  { codec: "zlib", level: 0 },
  { codec: "lzo", privacy: true, privacyExtra: ["registers", "tty"] },
  { codec: "zlib", privacy: "strict" },
  { codec: "none", excludeUnusedVmemmap: true },
];

/** How pages are put into shards hangs on the format, and not on how they are packed; privacy takes most of the time anew in each plan. */
function countsOf(run: RunOptions): readonly number[] {
  if (run.level === 0) return [3];
  return run.codec === "none" || run.format === "elf" ? [1, 2, 3, 4, 5, 6, 7, 8] : [2, 5, 8];
}

describeWithDumps("a real dump", () => {
  test.each(RUNS)("%j, in up to 8 shards", async (run) => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const whole = join(folder, "whole");
    const expected = await filterFile(vmcore, whole, { ...run, workers: threads });
    const bytes = readFileSync(whole);
    for (const shards of countsOf(run)) {
      const path = join(folder, "sharded");
      const result = await filterInShards(vmcore, path, shards, run);
      expect(readFileSync(path).equals(bytes)).toBe(true);
      expect(result.classes).toEqual(expected.classes);
      expect(result.outputBytes).toBe(expected.outputBytes);
      rmSync(path);
    }
  });

  test("strict, of a kernel with types: what stays of objects is the same in shards", async () => {
    const { vmcore } = await realDump("x86-6.12-tiny");
    const whole = join(folder, "whole");
    const run = { codec: "lzo", privacy: "strict", privacyKeep: ["comm"] } as const;
    await filterFile(vmcore, whole, { ...run, workers: threads });
    const path = join(folder, "sharded");
    await filterInShards(vmcore, path, 3, run);
    expect(readFileSync(path).equals(readFileSync(whole))).toBe(true);
    rmSync(path);
  });
});
