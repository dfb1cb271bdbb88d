/** An output written in shards is byte for byte the one that a single run writes. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { openDump } from "../../src/reader/open.js";
import { planDump } from "../../src/run/plan-dump.js";
import { openSession } from "../../src/run/session.js";
import { finishShards } from "../../src/shard/finish-shards.js";
import { identityOf } from "../../src/shard/input-identity.js";
import { makeShard } from "../../src/shard/make-shard.js";
import { outputPlace } from "../../src/shard/output-place.js";
import { readPlan, writePlan } from "../../src/shard/plan-files.js";
import { shardPlan } from "../../src/shard/shard-plan.js";
import { Warnings } from "../../src/warnings.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, type RunOptions, temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();
const threads = new WorkerThreads(2);
afterAll(() => threads.destroy());

/** Plans, makes `shards` shards at once, from the last to the first, and finishes. */
async function filterInShards(input: string, path: string, shards: number, run: RunOptions) {
  const warnings = new Warnings();
  const opened = openDump(input, warnings);
  const options = {
    output: { path },
    level: run.level ?? 31,
    format: run.format ?? "kdump",
    codec: codecOf(run.codec ?? "none"),
    privacy: run.privacy ?? false,
    ...(run.privacyExtra === undefined ? {} : { privacyExtra: run.privacyExtra }),
    ...(run.erase === undefined ? {} : { erase: { name: "rules", text: run.erase } }),
    warnings,
  } as const;
  const place = await outputPlace(path, "1d", () => Promise.reject(new Error("there is no store")));
  await place.create();
  const { staging } = place;
  const planned = await planDump(openSession(opened, options), options, threads);
  const digest = await writePlan(staging, shardPlan(planned, [identityOf(input)], options, shards));
  await planned.pool.end();
  opened.close();
  const plan = await readPlan(staging, digest);
  const dump = openDump(input);
  const made = plan.shards.map((_, index) => () => {
    const work = { plan, index, dump, threads };
    const range = (start: number, end: number) => place.range(plan, start, end);
    return makeShard(work, { range, staging, spoolDir: folder, host: "here" });
  });
  await Promise.all(made.reverse().map((make) => make()));
  dump.close();
  // Two jobs finish it at once, as when one was taken for dead: they write the same, and both find it done.
  const sinks = await Promise.all([place.sink(plan, false), place.sink(plan, false)]);
  const [result, other] = await Promise.all(sinks.map((sink) => finishShards(plan, staging, sink)));
  expect(other).toEqual(result);
  await staging.remove();
  place.letGo();
  expect(existsSync(`${path}.coresieve-1d`)).toBe(false);
  return result as NonNullable<typeof result>;
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
];

describeWithDumps("a real dump", () => {
  test.each(RUNS)("%j, in 1 to 8 shards", async (run) => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const whole = join(folder, "whole");
    const expected = await filterFile(vmcore, whole, { ...run, workers: threads });
    const bytes = readFileSync(whole);
    for (const shards of run.level === 0 ? [3] : [1, 2, 3, 4, 5, 6, 7, 8]) {
      const path = join(folder, "sharded");
      const result = await filterInShards(vmcore, path, shards, run);
      expect(readFileSync(path).equals(bytes)).toBe(true);
      expect(result.classes).toEqual(expected.classes);
      expect(result.outputBytes).toBe(expected.outputBytes);
      rmSync(path);
    }
  });
});
