/** A temporary file or an upload, which a run makes and removes again if it does not reach its end. */
export interface Unfinished {
  /** Removes it without waiting for anything. Returns what could not be removed. Never throws. */
  dropAtOnce(): string | undefined;
}

/** All unfinished things of this process. */
const unfinished = new Set<Unfinished>();
let isWatching = false;

/** From now on it is removed when the program ends, in whatever way: also by a second signal or an uncaught error. */
export function watchUnfinished(one: Unfinished): void {
  unfinished.add(one);
  if (!isWatching) process.on("exit", dropUnfinished);
  isWatching = true;
}

/** It is complete, or was removed. */
export function forgetUnfinished(one: Unfinished): void {
  unfinished.delete(one);
}

/** Removes all of them. Returns how many there were, and what could not be removed. */
export function dropUnfinished(): { readonly count: number; readonly left: readonly string[] } {
  const all = [...unfinished];
  unfinished.clear();
  return { count: all.length, left: all.map((one) => one.dropAtOnce()).filter((left) => left !== undefined) };
}
