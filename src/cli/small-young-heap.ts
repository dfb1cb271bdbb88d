/** V8 takes no more memory for what was made last: by default up to 32 MiB in the main thread, most of it for garbage. */
const NO_GROWTH = "--semi-space-growth-factor=1";
/** The V8 of Node 20 and 22. Later versions do not take this value. */
const V8 = /^1[12]\./;

/**
 * Keeps the heap of what was made last as small as it is, in all threads, for the rest of the process. For a process that lives long and whose data are in shared
 * memory, as a queue's worker's are: docs/dev/scale.md has the figures.
 */
export function keepYoungHeapSmall(): void {
  if (!V8.test(process.versions.v8)) return;
  const set = () => process.getBuiltinModule("node:v8").setFlagsFromString(NO_GROWTH);
  set();
  // V8 sets it to its least value, 2, for all threads whenever it makes the heap of one.
  process.on("worker", (thread) => thread.once("online", set));
}
