import { DumpError } from "../errors.js";
import { packageVersion } from "../package-version.js";
import type { FilterResult } from "../run/filter-types.js";
import { number, object, text, textLike } from "../shard/check-data.js";
import { checkRequest, DIGEST, type DumpRequest } from "../shard/run-request.js";
import { seal, unseal } from "../shard/sealed.js";
import { MAX_SHARDS } from "../shard/shard-limits.js";
import { isRunId } from "../shard/staging-names.js";
import type { StepPlace } from "./step-place.js";

/** Changes when the file means something else. */
const VERSION = 1;
const RUN = "run.json";
const END = "done.json";
/** All names that runs give in their place. */
export const STEP_FILES = [RUN, END] as const;
/** What seals them in place of a plan's digest: who reads them does not know which plan it is. */
const SEAL = "run";

const checkRun = object({
  version: number(VERSION, VERSION),
  program: text(64),
  id: textLike(isRunId, "the ID of a run"),
  /** Of the plan. */
  digest: DIGEST,
  /** How many shards were asked for; 0: as many as seem good. */
  asked: number(0, MAX_SHARDS),
  /** How many there are. */
  shards: number(1, MAX_SHARDS),
  /** Pages that go into the output. */
  kept: number(0, Number.MAX_SAFE_INTEGER),
});

/** A run by commands, as its place names it. */
export interface StepRun extends ReturnType<typeof checkRun> {
  readonly request: DumpRequest;
}

/** What became of it. */
export interface StepEnd {
  /** Of the plan. */
  readonly digest: string;
  readonly result: FilterResult;
}

/**
 * The run of a place. `undefined`: none is planned there, or what is there is damaged: it is planned again. Nothing in it is trusted: it has the form that
 * this program gives it. Throws `UNSUPPORTED` for one that another version of this program planned, `NOT_READABLE`.
 */
export async function readRun(place: StepPlace): Promise<StepRun | undefined> {
  const found = unseal(SEAL, RUN, await place.read(RUN)) as Record<string, unknown> | undefined;
  if (found === undefined) return undefined;
  const { request, ...rest } = found;
  if (rest["version"] !== VERSION || rest["program"] !== packageVersion()) {
    throw new DumpError("UNSUPPORTED", `was planned by another version of coresieve than ${packageVersion()}`, {
      file: place.name,
      cure: "Run the same version on all hosts, or plan it again",
    });
  }
  try {
    return { ...checkRun(rest, "run"), request: checkRequest(request, "request") };
  } catch (error) {
    if (error instanceof DumpError) return undefined;
    throw error;
  }
}

/** The run of a place. Throws `NOT_READY` where none is planned. */
export async function plannedRun(place: StepPlace): Promise<StepRun> {
  const run = await readRun(place);
  if (run !== undefined) return run;
  throw new DumpError("NOT_READY", "no run is planned there", {
    file: place.name,
    cure: "Write `coresieve plan DUMP OUT --staging PLACE` first",
  });
}

/** Names a run that is planned. */
export function writeRun(place: StepPlace, run: Omit<StepRun, "version" | "program">): Promise<void> {
  return place.write(RUN, seal(SEAL, RUN, { version: VERSION, program: packageVersion(), ...run }));
}

/** What became of the plan with that digest; `undefined`: it is not finished. */
export async function readEnd(place: StepPlace, digest: string): Promise<StepEnd | undefined> {
  const found = unseal(SEAL, END, await place.read(END)) as Partial<StepEnd> | undefined;
  const bytes = (found?.result as Partial<FilterResult> | undefined)?.outputBytes;
  if (found === undefined || found.digest !== digest || !Number.isSafeInteger(bytes)) return undefined;
  return found as StepEnd;
}

/** Says that a run is finished. */
export function writeEnd(place: StepPlace, end: StepEnd): Promise<void> {
  return place.write(END, seal(SEAL, END, end));
}
