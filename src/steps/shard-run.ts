import { DumpError } from "../errors.js";
import { inputChanged } from "../reader/source/input-changed.js";
import { makeShard } from "../shard/make-shard.js";
import { openRunInput } from "../shard/open-run.js";
import { readPlan } from "../shard/plan-files.js";
import { Warnings } from "../warnings.js";
import { plannedRun } from "./run-file.js";
import { finishedRun, placeOfRun, type StepHost } from "./step-host.js";

/** The result of making a shard. `none`: the plan has fewer shards than were requested. */
export interface ShardOutcome {
  readonly index: number;
  readonly shards: number;
  /**
   * `placed`: its data are in the output; `waits`: they are in the staging, because shards before it are not encoded;
   * `finished`: the whole run is finished.
   */
  readonly what: "placed" | "waits" | "finished" | "none";
  readonly bytes: number;
}

export interface ShardStep {
  /** A folder of this host. */
  readonly spoolDir: string;
  /** Milliseconds to wait for the shards before. */
  readonly patience: number;
}

/**
 * Makes a shard of a run, or finds it made. Throws `NOT_READY`, `BAD_OPTION` for a shard that does not exist, and what
 * `makeShard` throws.
 */
export async function shardRun(host: StepHost, index: number, step: ShardStep): Promise<ShardOutcome> {
  const { place, allowed, threads, signal } = host;
  const run = await plannedRun(place);
  const { shards, asked } = run;
  if (index >= Math.max(shards, asked)) {
    throw new DumpError("BAD_OPTION", `shard ${index}: the run has ${shards} shards, numbered from 0`, {
      file: place.name,
    });
  }
  if (index >= shards) return { index, shards, what: "none", bytes: 0 };
  if ((await finishedRun(place, run)) !== undefined) return { index, shards, what: "finished", bytes: 0 };
  const output = await placeOfRun(host, run);
  try {
    const own = output.of(run.digest);
    const plan = await readPlan(own.staging);
    const dump = await openRunInput(run.request, allowed, new Warnings());
    try {
      const made = await makeShard(
        { plan, index, dump, threads, signal },
        {
          ...step,
          ...{ place: own, host: host.name, signal },
          onEncoded() {
            const changed = inputChanged(dump.image);
            if (changed !== undefined) throw changed;
          },
        },
      );
      return { index, shards, what: made.placed ? "placed" : "waits", bytes: made.size };
    } finally {
      dump.close();
    }
  } finally {
    output.letGo();
  }
}
