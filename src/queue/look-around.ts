import type { Job } from "bullmq";
import { Cancelled, type Host } from "./host.js";
import { dumpJob, shardJob } from "./job-data.js";
import { isCancelled } from "./run-dump.js";

/** Milliseconds between two reports of a job's progress, and between two checks whether its run was cancelled. */
const LOOK = 1000;

/** A job's name for messages; also for a job with unknown data. */
export function jobName(job: Job, isDump: boolean): string {
  try {
    if (isDump) return `the dump ${dumpJob(job.data).inputs[0]}`;
    const { index, shards } = shardJob(job.data);
    return `shard ${index + 1} of ${shards}`;
  } catch {
    return "a job";
  }
}

/** The run of a shard. Empty for a shard with unknown data, which is refused when it is begun. */
export function dumpOf(job: Job): string {
  try {
    return shardJob(job.data).dump;
  } catch {
    return "";
  }
}

/** What is watched while this worker has a job. */
interface Watched {
  readonly holds: () => Promise<boolean>;
  readonly takeover: number;
  /** The job of its run. */
  readonly dump: string;
  readonly stop: AbortController;
  readonly state: () => object | undefined;
}

/** Keeps a job's lock, reports its progress, and stops it when its run is cancelled. */
export function lookAround(host: Host, job: Job, { holds, takeover, dump, stop, state }: Watched): { end(): void } {
  // Monotonic time, because the system clock may be set: an hour back, and the lock would run out.
  let locked = performance.now();
  let reported = "";
  let looking = false;
  let isOver = false;
  const look = async () => {
    const text = JSON.stringify(state());
    const isNew = text !== undefined && text !== reported;
    let isOurs = true;
    if (isNew || performance.now() - locked >= takeover / 3) {
      locked = performance.now();
      isOurs = await holds();
    }
    // The progress of another worker's job is reported by that worker.
    const now = state();
    if (isNew && isOurs && !isOver && now !== undefined) {
      reported = text;
      await job.updateProgress(now);
    }
    if (await isCancelled(host, dump)) stop.abort(new Cancelled("cancelled"));
  };
  const timer = setInterval(
    () => {
      if (looking) return;
      looking = true;
      // If Redis is unreachable for a moment, nothing happens. If the job belongs to another worker by now, its bytes
      // are the same.
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
