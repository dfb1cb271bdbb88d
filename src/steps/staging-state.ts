import { readHeld } from "../shard/held-shard.js";
import { missingShards } from "../shard/left-shards.js";
import { readPlan } from "../shard/plan-files.js";
import { removeOrSay, removeRun } from "./remove-run.js";
import { plannedRun, readPlanning, readRun, runBefore, STEP_FILES } from "./run-file.js";
import { finishedRun, placeOfRun, type StepHost } from "./step-host.js";

/** The state of a run by commands. */
export interface StagingState {
  readonly place: string;
  readonly id: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Digest of the plan. */
  readonly plan: string;
  readonly shards: number;
  readonly finished: boolean;
  readonly outputBytes: number | undefined;
  /** Shards that are encoded and wait in the staging for their place. */
  readonly waiting: readonly number[];
  /** Shards that are still to be made, or are being made. */
  readonly missing: readonly number[];
}

/** Reads the state of the run of a place. Throws `NOT_READY` if none is planned, `CORRUPT` if its plan is missing. */
export async function stagingState(host: StepHost): Promise<StagingState> {
  const { place } = host;
  const run = await plannedRun(place);
  const { id, digest, shards, request } = run;
  const about = { place: place.name, id, inputs: request.inputs, output: request.output, plan: digest, shards };
  const end = await finishedRun(place, run);
  if (end !== undefined) {
    return { ...about, finished: true, outputBytes: end.result.outputBytes, waiting: [], missing: [] };
  }
  const output = await placeOfRun(host, run);
  try {
    const own = output.of(digest);
    const plan = await readPlan(own.staging);
    const [waiting, missing]: [number[], number[]] = [[], []];
    for (const index of await missingShards(plan, own)) {
      const held = plan.output.elf === undefined ? await readHeld(own.staging, plan, index) : undefined;
      (held === undefined ? missing : waiting).push(index);
    }
    return { ...about, finished: false, outputBytes: undefined, waiting, missing };
  } finally {
    output.letGo();
  }
}

/**
 * Removes everything of a run except its output. Not an error if there is nothing. Returns what may be left of a planner
 * that did not come to its end, one line each. Throws `NOT_WRITABLE` if files of the planned run cannot be removed: then
 * the place still names them.
 */
export async function cleanStaging(host: StepHost): Promise<readonly string[]> {
  const run = await readRun(host.place);
  const unsure = run && (await removeRun(host, run));
  // A planner that did not come to its end may have left files of another run. It may also have come to its end because
  // nobody can write there; then this would fail each time.
  const begun = await runBefore(host.place, readPlanning);
  const isOther = begun !== undefined && begun.id !== run?.id;
  const left = isOther ? await removeOrSay(begun.request.output, () => removeRun(host, begun)) : [];
  await host.place.remove(STEP_FILES);
  return unsure === undefined ? left : [unsure, ...left];
}
