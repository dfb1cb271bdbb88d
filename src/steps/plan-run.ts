import { DumpError } from "../errors.js";
import { makePlan } from "../shard/make-plan.js";
import { planFiles, readPlan, writePlan } from "../shard/plan-files.js";
import { type DumpRequest, runIdOf } from "../shard/run-request.js";
import { removeOrSay, removeRun } from "./remove-run.js";
import { readPlanning, readRun, runBefore, type StepRun, writePlanning, writeRun } from "./run-file.js";
import { finishedRun, placeOfRun, type StepHost } from "./step-host.js";

/** A run that is planned. */
export interface PlanOutcome {
  /** `known`: it was planned before, with the same options; `done`: it was also finished. */
  readonly what: "new" | "known" | "done";
  readonly run: StepRun;
  /** What may be left of earlier plans, because it could not be removed: one line each. */
  readonly left: readonly string[];
}

/**
 * Plans a run in a place, or finds it planned. A run that was planned there with other options, another number of
 * shards or another input is removed with its files. Throws what `makePlan` throws, `OUTPUT_EXISTS`, and what writing a
 * staging throws.
 */
export async function planRun(host: StepHost, request: DumpRequest, asked: number): Promise<PlanOutcome> {
  const { place } = host;
  const made = await place.create();
  try {
    return await planIn(host, request, asked);
  } catch (error) {
    // Removes the empty folder that was made for nothing.
    if (made) await place.remove([]).catch(() => undefined);
    throw error;
  }
}

async function planIn(host: StepHost, request: DumpRequest, asked: number): Promise<PlanOutcome> {
  const { place, allowed, threads, signal } = host;
  const before = await runBefore(place, readRun);
  const id = runIdOf(request, place.name);
  const isSame = before !== undefined && before.id === id && before.asked === asked;
  if (isSame && (await finishedRun(place, before)) !== undefined) return { what: "done", run: before, left: [] };
  const output = await placeOfRun(host, { id, request });
  try {
    if (isSame && (await isPlanThere(host, before))) return { what: "known", run: before, left: [] };
    await output.check(request.force);
    const plan = await makePlan({
      ...{ request, allowed, threads, signal, shards: asked, output: output.output },
      workers: async () => undefined,
    });
    const files = await planFiles(plan);
    const { digest } = files;
    const own = output.of(digest);
    const run = { id, digest, asked, shards: plan.shards.length, kept: plan.kept, request };
    const begun = await runBefore(place, readPlanning);
    await writePlanning(place, run);
    await own.create();
    await writePlan(own.staging, files);
    await writeRun(place, run);
    // Files of other plans are of no use to this one, which is planned even if they cannot be removed.
    const left = [...(await removeOrSay(output.output, () => output.remove(digest).then(() => output.unsure?.())))];
    for (const old of [before, begun?.id === before?.id ? undefined : begun]) {
      if (old === undefined || old.id === id) continue;
      left.push(...(await removeOrSay(old.request.output, () => removeRun(host, old))));
    }
    return { what: "new", run: await plannedNow(host), left };
  } finally {
    output.letGo();
  }
}

async function plannedNow({ place }: StepHost): Promise<StepRun> {
  const run = await readRun(place);
  if (run !== undefined) return run;
  throw new DumpError("NOT_READABLE", "what was written there is not there", {
    file: place.name,
    cure: "Check the disk or network share it lies on",
  });
}

async function isPlanThere(host: StepHost, run: StepRun): Promise<boolean> {
  const output = await placeOfRun(host, run);
  try {
    const own = output.of(run.digest);
    const plan = await readPlan(own.staging);
    await own.create();
    return plan.shards.length === run.shards;
  } catch (error) {
    const code = error instanceof DumpError ? error.code : undefined;
    if (code === "CORRUPT" || code === "UNSUPPORTED") return false;
    throw error;
  } finally {
    output.letGo();
  }
}
