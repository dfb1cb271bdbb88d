let collect: (() => void) | undefined;

/** Memory that is not left to the next collection: the bitmaps of 128 GiB. */
const LARGE = 8 << 20;

/**
 * Collects this thread's garbage if there may be much shared memory in it, `bytes`: its size does not make V8 look for it, so what a dump of 1 TiB leaves, two bitmaps of
 * 32 MiB, would stay while the next dump has its own. Takes some 10 ms for each 10 MB of objects.
 */
export function collectGarbage(bytes: number): void {
  if (bytes < LARGE) return;
  for (let tries = 0; collect === undefined && tries < TRIES; tries++) collect = exposedCollector();
  collect?.();
}

/** How often the collector is asked for. */
const TRIES = 3;

/** V8's collector; `undefined` if another thread has just taken back the flag by which it is seen. */
export function exposedCollector(): (() => void) | undefined {
  // Loaded here, because each thread has this file, and few collect.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("globalThis.gc");
  // The flag is the whole process's: a library must not leave it set.
  setFlagsFromString("--no-expose-gc");
  return typeof found === "function" ? (found as () => void) : undefined;
}
