import { hostname } from "node:os";
import { resolve } from "node:path";
import { DumpError } from "../errors.js";
import { allAllowed } from "../shard/allowed.js";
import { isWorthTrying } from "../shard/worth-trying.js";
import type { StepHost } from "../steps/step-host.js";
import { stepPlace } from "../steps/step-place.js";
import type { StoreThread } from "../store/open-store.js";
import { isStorePath } from "../store/store-url.js";
import { WorkerThreads } from "../worker/threads.js";
import { exitsWith, TRY_AGAIN } from "./stop.js";

/**
 * Does a step of a run by commands, in the given place. If a step fails but may succeed when it is repeated, the
 * program ends with `TRY_AGAIN`; `lasts` names further errors that are permanent.
 */
export async function withStepHost<T>(
  path: string,
  by: { readonly numThreads?: number | undefined; readonly signal: AbortSignal },
  does: (host: StepHost) => Promise<T>,
  lasts: (error: DumpError) => boolean = () => false,
): Promise<T> {
  let opened: Promise<StoreThread> | undefined;
  // Not loaded for folders.
  const store = () => {
    opened ??= import("../store/open-store.js").then(({ openStore }) => openStore());
    return opened;
  };
  const threads = new WorkerThreads(by.numThreads);
  try {
    const place = await stepPlace(isStorePath(path) ? path : resolve(path), store);
    try {
      const { signal } = by;
      const name = `${hostname()}:${process.pid}`;
      return await does({ name, place, store, threads, signal, allowed: allAllowed() });
    } finally {
      place.letGo();
    }
  } catch (error) {
    const again = isWorthTrying(error) && !(error instanceof DumpError && lasts(error));
    throw again ? exitsWith(error, TRY_AGAIN) : error;
  } finally {
    await threads.destroy();
    await (await opened)?.close();
  }
}

/** The only argument, which names a run's place. Throws `BAD_OPTION`. */
export function placeNamed(words: readonly string[], usage: string): string {
  const [place] = words;
  if (place !== undefined && words.length === 1) return place;
  throw new DumpError(
    "BAD_OPTION",
    place === undefined ? "no place was named" : `${words[1]}: only one place can be named`,
    {
      cure: `Write \`${usage}\``,
    },
  );
}
