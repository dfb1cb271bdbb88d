import { DumpError } from "../errors.js";
import type { FilterResult } from "../run/filter-types.js";
import { planToFinish } from "../shard/finish-plan.js";
import { finishShards } from "../shard/finish-shards.js";
import { placeHeld, readHeld, startOf } from "../shard/held-shard.js";
import { missingShards } from "../shard/left-shards.js";
import type { OutputAccess } from "../shard/output-access.js";
import type { PlanPlace } from "../shard/place.js";
import { readPlan } from "../shard/plan-files.js";
import { forgetDone } from "../shard/shard-done.js";
import type { FinishPlan } from "../shard/shard-plan.js";
import { indexList } from "./index-list.js";
import { plannedRun, type StepRun, writeEnd } from "./run-file.js";
import { finishedRun, placeOfRun, type StepHost } from "./step-host.js";

/** A run that is finished. */
export interface FinishedRun {
  readonly run: StepRun;
  readonly result: FilterResult;
  /** A line if it is not known whether something is left. */
  readonly unsure?: string | undefined;
}

/**
 * Finishes the output of a run, or finds it finished. Shards that wait in the staging are moved to their places. Throws
 * `NOT_READY` if shards are missing, and what writing the output throws.
 */
export async function finishRun(host: StepHost, access: OutputAccess = {}): Promise<FinishedRun> {
  const { place } = host;
  const run = await plannedRun(place);
  const end = await finishedRun(place, run);
  if (end !== undefined) return { run, result: end.result };
  const output = await placeOfRun(host, run);
  let isMade = false;
  try {
    const own = output.of(run.digest);
    const plan = await planToFinish(() => readPlan(own.staging), own.staging);
    await placeAll(plan, own, place.name);
    const sink = await own.sink(plan, run.request.force, access);
    let result: FilterResult;
    try {
      result = await finishShards(plan, own.staging, sink);
    } catch (error) {
      await sink.abort();
      throw error;
    }
    // First the result, then the staging: a process that takes over in between finds one of them.
    await writeEnd(place, { digest: run.digest, result });
    isMade = true;
    await output.removePlan(run.digest);
    return { run, result, unsure: output.unsure?.() };
  } catch (error) {
    if (isMade && error instanceof DumpError) throw error.with({ left: `${output.output} is there, and whole` });
    // Another host that finishes the same output may have been faster, and may have removed the files that are needed.
    const other = await finishedRun(place, run).catch(() => undefined);
    if (other !== undefined) return { run, result: other.result };
    throw error;
  } finally {
    output.letGo();
  }
}

async function placeAll(plan: FinishPlan, own: PlanPlace, name: string): Promise<void> {
  const lost: number[] = [];
  const sizes = new Map<number, number>();
  for (const index of await missingShards(plan, own)) {
    const held = plan.output.elf === undefined ? await readHeld(own.staging, plan, index) : undefined;
    const start = held && (await startOf(own.staging, plan, index, sizes));
    // If a shard before it is lost, it goes on waiting.
    const isLost = held === undefined || (start !== undefined && !(await placeHeld(own, plan, held, start)));
    if (isLost) lost.push(index);
  }
  if (lost.length === 0) return;
  // They may have been done and damaged since: then they have to be made again.
  for (const index of lost) await forgetDone(own.staging, index);
  throw new DumpError("NOT_READY", `${lost.length} of ${plan.shards.length} shards are not done: ${indexList(lost)}`, {
    file: name,
    cure: "Write `coresieve shard PLACE INDEX` for each of them, then finish it again",
  });
}
