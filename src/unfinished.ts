/** Something that a run makes and takes away again when it does not reach its end: a temporary file, an upload. */
export interface Unfinished {
  /** Takes it away without waiting for anything. Returns what stays all the same. Never throws. */
  dropAtOnce(): string | undefined;
}

/** All of this process. */
const unfinished = new Set<Unfinished>();
let isWatching = false;

/** From now on it is taken away when the program ends, however: by a second signal, by an error that nobody caught. */
export function watchUnfinished(one: Unfinished): void {
  unfinished.add(one);
  if (!isWatching) process.on("exit", dropUnfinished);
  isWatching = true;
}

/** It is whole, or taken away. */
export function forgetUnfinished(one: Unfinished): void {
  unfinished.delete(one);
}

/** Takes all of them away. Returns how many there were, and what stays. */
export function dropUnfinished(): { readonly count: number; readonly left: readonly string[] } {
  const all = [...unfinished];
  unfinished.clear();
  return { count: all.length, left: all.map((one) => one.dropAtOnce()).filter((left) => left !== undefined) };
}
