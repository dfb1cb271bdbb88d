import type { Job } from "bullmq";
import { DumpError, type DumpErrorCode } from "../errors.js";
import { inputChanged } from "../reader/source/input-changed.js";
import { makeShard } from "../shard/make-shard.js";
import { openRunInput } from "../shard/open-run.js";
import type { PlanPlace } from "../shard/place.js";
import type { ShardSize } from "../shard/shard-done.js";
import { isWorthTrying } from "../shard/worth-trying.js";
import { Warnings } from "../warnings.js";
import { Cancelled, type Hand, type Host } from "./host.js";
import { type DumpJob, dumpJob, shardJob, shardJobId, UnreadableJob } from "./job-data.js";
import { placeOf } from "./open-job.js";
import { planOf } from "./run-dump.js";

/** The job of a shard. Throws `DumpError`s, `Cancelled`. */
export async function runShard(host: Host, job: Job, hand: Hand): Promise<ShardSize> {
  const shard = shardJob(job.data);
  const parent = await host.queues.dumps.getJob(shard.dump);
  if (parent === undefined) throw new Cancelled("its dump's job is gone");
  const data = dumpJob(parent.data);
  const places = await placeOf(shard.dump, data, host);
  try {
    return await runIn(host, shard, data, places.of(shard.digest), hand);
  } finally {
    places.letGo();
  }
}

async function runIn(
  host: Host,
  shard: ReturnType<typeof shardJob>,
  data: DumpJob,
  place: PlanPlace,
  hand: Hand,
): Promise<ShardSize> {
  const plan = await planOf(host, place.staging);
  const dump = await openRunInput(data, host.allowed, new Warnings());
  const { signal } = hand;
  const state = { step: "encode", pages: 0, host: host.name };
  hand.report(() => state);
  try {
    const made = await makeShard(
      {
        ...{ plan, dump, signal },
        index: shard.index,
        threads: host.threads,
        onProgress(pages) {
          host.counters.pages += pages - state.pages;
          state.pages = pages;
        },
      },
      {
        ...{ place, signal },
        spoolDir: host.spoolDir,
        host: host.name,
        async onWaiting(before) {
          const state = await host.queues.shards.getJobState(shardJobId(shard.dump, data.round, before));
          if (state === "failed") throw new Cancelled(`shard ${before + 1}, which comes before it, failed`);
          // Redis has forgotten the run, or another plan has replaced this one.
          if (state === "unknown")
            throw new Cancelled(`shard ${before + 1}, which comes before it, belongs to no worker any more`);
        },
        onEncoded() {
          const changed = inputChanged(dump.image);
          if (changed !== undefined) throw changed;
          state.step = "place";
          hand.release();
        },
      },
    );
    host.counters.bytes += made.size;
    return made;
  } finally {
    dump.close();
  }
}

interface Failure {
  readonly text: string;
  readonly lasting: boolean;
  readonly code: DumpErrorCode | undefined;
}

/** A job's failure in one line that says where, and whether another try would be useless. */
export function describeFailure(host: Host, what: string, error: unknown): Failure {
  if (error instanceof DumpError) {
    const lasting = !isWorthTrying(error) || error instanceof UnreadableJob;
    return { text: `${what} on ${host.name}: ${error.message} [${error.code}]`, lasting, code: error.code };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { text: `${what} on ${host.name}: ${message}`, lasting: error instanceof Cancelled, code: undefined };
}
