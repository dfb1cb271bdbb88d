let collect: (() => void) | undefined;

/** Memory that is not left to the next collection: the bitmaps of 128 GiB. */
const LARGE = 8 << 20;

/**
 * Collects this thread's garbage if there may be much shared memory in it, `bytes`: its size does not make V8 look for it, so what a dump of 1 TiB leaves, two bitmaps of
 * 32 MiB, would stay while the next dump has its own. Takes some 10 ms for each 10 MB of objects.
 */
export function collectGarbage(bytes: number): void {
  if (bytes < LARGE) return;
  for (let tries = 0; collect === undefined && tries < TRIES; tries++) collect = exposed();
  collect?.();
}

/** How often the function is asked for: it is there if no other thread has just taken the flag back. */
const TRIES = 3;

function exposed(): (() => void) | undefined {
  // Loaded here, because each thread has this file, and few collect.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("globalThis.gc");
  // The flag is the whole process's: a library must not leave it set.
  setFlagsFromString("--no-expose-gc");
  return typeof found === "function" ? (found as () => void) : undefined;
}
