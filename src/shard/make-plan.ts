import { inputChanged } from "../reader/source/input-changed.js";
import type { SideFile } from "../reader/source/side-file.js";
import { checkOptions } from "../run/check-options.js";
import type { FilterProgress } from "../run/filter-types.js";
import { reportSearch } from "../run/own-session.js";
import { planDump } from "../run/plan-dump.js";
import { openSessionAwake } from "../run/session.js";
import { isStorePath } from "../store/store-url.js";
import { Warnings } from "../warnings.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { Allowed } from "./allowed.js";
import { filterOptionsOf, openRunInput, openRunVmlinux } from "./open-run.js";
import type { DumpRequest } from "./run-request.js";
import { automaticShards, type ShardPlan, shardPlan } from "./shard-plan.js";

/** What is needed to plan a run. */
export interface PlanWork {
  readonly request: DumpRequest;
  /** The real path of the output, or the name of an object. */
  readonly output: string;
  readonly allowed: Allowed;
  readonly threads: WorkerThreads;
  readonly signal: AbortSignal;
  /** Number of shards; 0 for a number that suits `workers()`. */
  readonly shards: number;
  /** Number of workers; `undefined` if nobody knows. Called only at the end. */
  readonly workers: () => Promise<number | undefined>;
  readonly onProgress?: (progress: FilterProgress) => void;
  /** Called after pass 1. */
  readonly onClassified?: () => void;
}

/** Does pass 1 of a run by many hosts. Throws what opening and classifying a dump throw, and `INPUT_CHANGED`. */
export async function makePlan(work: PlanWork): Promise<ShardPlan> {
  const { request, output, allowed, threads, signal, onProgress } = work;
  const warnings = new Warnings({ strict: request.strict });
  const input = await openRunInput(request, allowed, warnings);
  let vmlinux: SideFile | undefined;
  try {
    vmlinux = await openRunVmlinux(request, allowed);
    const options = filterOptionsOf(request, output, vmlinux, warnings, threads, signal);
    checkOptions(options);
    const session = await openSessionAwake(input, { ...options, onReached: reportSearch(input, onProgress) });
    const progress = onProgress === undefined ? options : { ...options, onProgress };
    const classified = await planDump(session, progress, threads);
    await classified.pool.end();
    work.onClassified?.();
    const count =
      work.shards === 0
        ? automaticShards(classified.kept, await work.workers(), isStorePath(work.output))
        : work.shards;
    const made = shardPlan(classified, request.identity, { format: request.format, codec: options.codec }, count);
    const changed = inputChanged(input.image);
    if (changed !== undefined) throw changed;
    return made;
  } finally {
    vmlinux?.close();
    input.close();
  }
}
