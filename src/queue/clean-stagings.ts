import { DumpError } from "../errors.js";
import type { FoundStaging, LeftStaging, StagingPlace } from "../shard/left-staging.js";
import { againKey, type Queues } from "./queues.js";

/**
 * Days without a write after which a staging counts as left. Redis remembers failed runs for as long, and they may be
 * retried.
 */
export const RETENTION_DAYS = 30;
export const DAY = 24 * 3600 * 1000;

/**
 * The result for a staging. `known`: the queue has its run. `recent`: something in it was written recently. `foreign`:
 * it contains files that no run makes. `left`: nobody needs it any more. `failed`: it, or a folder, cannot be read or
 * removed.
 */
export type StagingFate = "left" | "removed" | "known" | "recent" | "foreign" | "failed";

export interface JudgedStaging {
  readonly path: string;
  /** The run's ID; `undefined` for a folder that cannot be read. */
  readonly id: string | undefined;
  readonly fate: StagingFate;
  readonly bytes: number | undefined;
  /** In milliseconds since 1970. */
  readonly written: number | undefined;
  /** For `foreign`: the name of the file. For `failed`: the error. */
  readonly reason: string | undefined;
}

export interface CleanOptions {
  readonly remove: boolean;
  /** In milliseconds since 1970. */
  readonly now: number;
  /** Milliseconds since the last write after which a staging that the queue does not know may be removed. */
  readonly age: number;
  readonly isKnown: (id: string) => Promise<boolean>;
}

/** Whether the queue has a run, waiting, active or finished, or a run is just being submitted again. */
export async function isRunKnown({ redis, dumps }: Queues, id: string): Promise<boolean> {
  return (await redis.exists(dumps.toKey(id), againKey(id))) > 0;
}

/**
 * Finds the stagings in a place and judges each; with `remove`, removes those that are left. If such a run is submitted
 * again at the same moment, its worker's next write fails, and its next try makes the plan again. Throws `NOT_READABLE`
 * for a missing place.
 */
export async function* cleanStagings(place: StagingPlace, options: CleanOptions): AsyncGenerator<JudgedStaging> {
  const failures: JudgedStaging[] = [];
  const note = (error: unknown, path: string) => failures.push(failed(error, { path, id: undefined }));
  for await (const found of place.find(note)) {
    yield* failures.splice(0);
    try {
      const judged = await judge(place, found, options);
      if (judged !== undefined) yield judged;
    } catch (error) {
      yield failed(error, found);
    }
  }
  yield* failures;
}

async function judge(
  place: StagingPlace,
  found: FoundStaging,
  options: CleanOptions,
): Promise<JudgedStaging | undefined> {
  const left = await place.look(found);
  if (left === undefined) return undefined;
  const { path, id, bytes, written, foreign } = left;
  const fate = await fateOf(left, options);
  if (fate === "left" && options.remove) await place.remove(found);
  return {
    ...{ path, id, bytes, written },
    fate: fate === "left" && options.remove ? "removed" : fate,
    reason: fate === "foreign" ? foreign : undefined,
  };
}

async function fateOf({ id, written, foreign }: LeftStaging, options: CleanOptions): Promise<StagingFate> {
  if (foreign !== undefined) return "foreign";
  if (await options.isKnown(id)) return "known";
  return options.now - written < options.age ? "recent" : "left";
}

function failed(
  error: unknown,
  { path, id }: { readonly path: string; readonly id: string | undefined },
): JudgedStaging {
  if (!(error instanceof DumpError)) throw error;
  return { path, id, fate: "failed", bytes: undefined, written: undefined, reason: error.message };
}
