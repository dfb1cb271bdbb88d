/** V8's garbage collector. `minor` looks only at what was made lately. */
type Collector = (options?: { readonly type: "minor" }) => void;

let collect: Collector | undefined;

/** Memory that is not left to the next collection: the bitmaps of 128 GiB. */
const LARGE = 8 << 20;

/**
 * Collects this thread's garbage if there may be much shared memory in it, `bytes`: its size does not make V8 look for it, so what a dump of 1 TiB leaves, two bitmaps of
 * 32 MiB, would stay while the next dump has its own. Takes some 10 ms for each 10 MB of objects.
 */
export function collectGarbage(bytes: number): void {
  if (bytes >= LARGE) collector()?.();
}

let passing = 0;

/**
 * Called for each buffer that is let go soon after it was made, as Node's HTTP and zlib make them for all that they pass on. V8 leaves up to 64 MiB of them to its next collection, and the
 * C library's heap, where they are, does not shrink again.
 */
export function letGo(bytes: number): void {
  passing += bytes;
  if (passing < LARGE) return;
  passing = 0;
  collector()?.({ type: "minor" });
}

/** How often the collector is asked for. */
const TRIES = 3;

function collector(): Collector | undefined {
  for (let tries = 0; collect === undefined && tries < TRIES; tries++) collect = exposedCollector();
  return collect;
}

/** V8's collector; `undefined` if another thread has just taken back the flag by which it is seen. */
export function exposedCollector(): Collector | undefined {
  // Loaded here, because each thread has this file, and few collect.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("globalThis.gc");
  // The flag is the whole process's: a library must not leave it set.
  setFlagsFromString("--no-expose-gc");
  return typeof found === "function" ? (found as Collector) : undefined;
}
