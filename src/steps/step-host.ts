import type { Allowed } from "../shard/allowed.js";
import { outputPlace } from "../shard/output-place.js";
import { outputState } from "../shard/output-state.js";
import type { OutputPlace } from "../shard/place.js";
import type { StoreThread } from "../store/open-store.js";
import type { WorkerThreads } from "../worker/threads.js";
import { readEnd, type StepEnd, type StepRun } from "./run-file.js";
import type { StepPlace } from "./step-place.js";

/** The process that does a step of a run, and its means. */
export interface StepHost {
  /** Name of this host and process. */
  readonly name: string;
  readonly place: StepPlace;
  readonly allowed: Allowed;
  readonly store: () => Promise<StoreThread>;
  readonly threads: WorkerThreads;
  readonly signal: AbortSignal;
}

/** The place where a run's output is made; the caller must release it. Throws `NOT_WRITABLE`. */
export async function placeOfRun(
  { allowed, store }: Pick<StepHost, "allowed" | "store">,
  { id, request }: Pick<StepRun, "id" | "request">,
): Promise<OutputPlace> {
  const { path, folder } = allowed.output(request.output);
  return outputPlace(path, id, store, folder);
}

/** The result of a run that is finished, if its output still exists as it was written. */
export async function finishedRun(place: StepPlace, run: StepRun): Promise<StepEnd | undefined> {
  const end = await readEnd(place, run.digest);
  if (end === undefined) return undefined;
  const state = await outputState(run.request.output, end.result.outputBytes);
  return state === "there" || state === "unknown" ? end : undefined;
}
