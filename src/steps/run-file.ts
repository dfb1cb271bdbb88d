import { DumpError } from "../errors.js";
import { packageVersion } from "../package-version.js";
import type { FilterResult } from "../run/filter-types.js";
import { number, object, text, textLike } from "../shard/check-data.js";
import { checkRequest, DIGEST, type DumpRequest } from "../shard/run-request.js";
import { seal, unseal } from "../shard/sealed.js";
import { MAX_SHARDS } from "../shard/shard-limits.js";
import { isRunId } from "../shard/staging-names.js";
import type { StepPlace } from "./step-place.js";

/** Increased when the meaning of the file changes. */
const VERSION = 1;
const RUN = "run.json";
const END = "done.json";
/** Written before the plan's files are: whoever cleans a place finds what a planner left that did not come to its end. */
const PLANNING = "planning.json";
/** All names of files that runs make in their place. */
export const STEP_FILES = [RUN, END, PLANNING] as const;
/** Used for the seal instead of a plan's digest, which the reader does not know yet. */
const SEAL = "run";

const checkRun = object({
  version: number(VERSION, VERSION),
  program: text(64),
  id: textLike(isRunId, "the ID of a run"),
  /** Digest of the plan. */
  digest: DIGEST,
  /** The requested number of shards; 0 for automatic. */
  asked: number(0, MAX_SHARDS),
  /** The number of shards. */
  shards: number(1, MAX_SHARDS),
  /** Number of pages that go into the output. */
  kept: number(0, Number.MAX_SAFE_INTEGER),
});

/** A run by commands, as recorded in its place. */
export interface StepRun extends ReturnType<typeof checkRun> {
  readonly request: DumpRequest;
}

/** The result of a run that is finished. */
export interface StepEnd {
  /** Digest of the plan. */
  readonly digest: string;
  readonly result: FilterResult;
}

/**
 * The run of a place; `undefined` if none is planned there, or if the file is damaged: then it is planned again. The
 * file is not trusted: its form is checked. Throws `UNSUPPORTED` for a run that another version of this program
 * planned, `NOT_READABLE`.
 */
export function readRun(place: StepPlace): Promise<StepRun | undefined> {
  return readRunFile(place, RUN);
}

/** The run that somebody last began to plan in a place. See `readRun`. */
export function readPlanning(place: StepPlace): Promise<StepRun | undefined> {
  return readRunFile(place, PLANNING);
}

async function readRunFile(place: StepPlace, name: string): Promise<StepRun | undefined> {
  const found = unseal(SEAL, name, await place.read(name)) as Record<string, unknown> | undefined;
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

/** What `read` finds in the place; a run of another version is of no use, and counts as none. */
export async function runBefore(place: StepPlace, read: typeof readRun): Promise<StepRun | undefined> {
  try {
    return await read(place);
  } catch (error) {
    if (error instanceof DumpError && error.code === "UNSUPPORTED") return undefined;
    throw error;
  }
}

/** The run of a place. Throws `NOT_READY` if none is planned. */
export async function plannedRun(place: StepPlace): Promise<StepRun> {
  const run = await readRun(place);
  if (run !== undefined) return run;
  throw new DumpError("NOT_READY", "no run is planned there", {
    file: place.name,
    cure: "Write `coresieve plan DUMP OUT --staging PLACE` first",
  });
}

/** Records a planned run. */
export function writeRun(place: StepPlace, run: Omit<StepRun, "version" | "program">): Promise<void> {
  return writeRunFile(place, RUN, run);
}

/** Records a run whose plan's files are written next. */
export function writePlanning(place: StepPlace, run: Omit<StepRun, "version" | "program">): Promise<void> {
  return writeRunFile(place, PLANNING, run);
}

function writeRunFile(place: StepPlace, name: string, run: Omit<StepRun, "version" | "program">): Promise<void> {
  return place.write(name, seal(SEAL, name, { version: VERSION, program: packageVersion(), ...run }));
}

/** The result of the plan with that digest; `undefined` if it is not finished. */
export async function readEnd(place: StepPlace, digest: string): Promise<StepEnd | undefined> {
  const found = unseal(SEAL, END, await place.read(END)) as Partial<StepEnd> | undefined;
  const bytes = (found?.result as Partial<FilterResult> | undefined)?.outputBytes;
  if (found === undefined || found.digest !== digest || !Number.isSafeInteger(bytes)) return undefined;
  return found as StepEnd;
}

/** Records that a run is finished. */
export function writeEnd(place: StepPlace, end: StepEnd): Promise<void> {
  return place.write(END, seal(SEAL, END, end));
}
