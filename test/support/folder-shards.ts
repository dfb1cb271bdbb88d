import { codecOf } from "../../src/codec/codecs.js";
import { openDump } from "../../src/reader/open.js";
import { planDump } from "../../src/run/plan-dump.js";
import { openSession } from "../../src/run/session.js";
import { planToFinish } from "../../src/shard/finish-plan.js";
import { finishShards } from "../../src/shard/finish-shards.js";
import { folderPlace } from "../../src/shard/folder-place.js";
import { identityOf } from "../../src/shard/input-identity.js";
import { makeShard } from "../../src/shard/make-shard.js";
import { planFiles, readPlan, writePlan } from "../../src/shard/plan-files.js";
import { type ShardPlan, shardPlan } from "../../src/shard/shard-plan.js";
import { Warnings } from "../../src/warnings.js";
import type { WorkerThreads } from "../../src/worker/threads.js";
import type { RunOptions } from "./filter.js";

/** Where a run in shards works. */
export interface FolderRun {
  readonly input: string;
  readonly output: string;
  /** A folder for page data without a place. */
  readonly spoolDir: string;
  readonly threads: WorkerThreads;
  /** Of the run. */
  readonly id?: string;
}

/** Plans a run in a folder, as a worker does, and leaves what other plans of it had left. What comes back makes its shards and finishes it. */
export async function planInFolder(at: FolderRun, shards: number, by: RunOptions) {
  const { input, output, spoolDir, threads, id = "1d" } = at;
  const warnings = new Warnings();
  const opened = openDump(input, warnings);
  const options = {
    output: { path: output },
    level: by.level ?? 31,
    format: by.format ?? "kdump",
    codec: codecOf(by.codec ?? "none"),
    privacy: by.privacy ?? false,
    ...(by.privacyExtra === undefined ? {} : { privacyExtra: by.privacyExtra }),
    ...(by.privacyKeep === undefined ? {} : { privacyKeep: by.privacyKeep }),
    excludeUnusedVmemmap: by.excludeUnusedVmemmap ?? false,
    ...(by.erase === undefined ? {} : { erase: { name: "rules", text: by.erase } }),
    warnings,
  } as const;
  const run = folderPlace(output, id);
  const planned = await planDump(openSession(opened, options), options, threads);
  const files = await planFiles(shardPlan(planned, [identityOf(input)], options, shards));
  await planned.pool.end();
  opened.close();
  const place = run.of(files.digest);
  await place.create();
  await writePlan(place.staging, files);
  const plan: ShardPlan = await readPlan(place.staging);
  return {
    ...{ run, place, plan, digest: files.digest },
    async shard(index: number) {
      const dump = openDump(input);
      try {
        return await makeShard({ plan, index, dump, threads }, { place, spoolDir, host: "here" });
      } finally {
        dump.close();
      }
    },
    async finish() {
      const sink = await place.sink(plan, false);
      try {
        // As of a large machine.
        return await finishShards(await planToFinish(async () => plan, place.staging, 0), place.staging, sink);
      } catch (error) {
        await sink.abort();
        throw error;
      }
    },
  };
}
