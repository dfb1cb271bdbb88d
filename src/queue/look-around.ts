import type { Job } from "bullmq";
import { Cancelled, type Host } from "./host.js";
import { dumpJob, shardJob } from "./job-data.js";
import { isCancelled } from "./run-dump.js";

/** Milliseconds between two reports of a job's progress, and two looks at whether its run was cancelled. */
const LOOK = 1000;

/** What a job is, for messages: also one whose data are none of ours. */
export function jobName(job: Job, isDump: boolean): string {
  try {
    if (isDump) return `the dump ${dumpJob(job.data).inputs[0]}`;
    const { index, shards } = shardJob(job.data);
    return `shard ${index + 1} of ${shards}`;
  } catch {
    return "a job";
  }
}

/** Of a shard whose data are none of ours there is none; it is refused when it is begun. */
export function dumpOf(job: Job): string {
  try {
    return shardJob(job.data).dump;
  } catch {
    return "";
  }
}

/** What is looked at while a job is in hand. */
interface Watched {
  readonly holds: () => Promise<boolean>;
  readonly takeover: number;
  /** The job of its run. */
  readonly dump: string;
  readonly stop: AbortController;
  readonly state: () => object | undefined;
}

/** Keeps a job's lock, tells how far it is, and stops it when its run is cancelled. */
export function lookAround(host: Host, job: Job, { holds, takeover, dump, stop, state }: Watched): { end(): void } {
  // Not the clock that people set: an hour back, and the lock would run out.
  let locked = performance.now();
  let told = "";
  let looking = false;
  let isOver = false;
  const look = async () => {
    const text = JSON.stringify(state());
    const isNew = text !== undefined && text !== told;
    let isOurs = true;
    if (isNew || performance.now() - locked >= takeover / 3) {
      locked = performance.now();
      isOurs = await holds();
    }
    // Another worker's job is as far as that one says.
    const now = state();
    if (isNew && isOurs && !isOver && now !== undefined) {
      told = text;
      await job.updateProgress(now);
    }
    if (await isCancelled(host, dump)) stop.abort(new Cancelled("cancelled"));
  };
  const timer = setInterval(
    () => {
      if (looking) return;
      looking = true;
      // Redis is away for a moment, or the job is another worker's by now: then its bytes are the same as ours.
      look()
        .catch(() => undefined)
        .finally(() => {
          looking = false;
        });
    },
    Math.min(LOOK, takeover / 6),
  );
  return {
    end() {
      isOver = true;
      clearInterval(timer);
    },
  };
}
