/**
 * V8's budget for a function before it optimises it: 15 times V8's default. The search for the kernel's own pages ends
 * before optimised code has paid for its compilation: that was a fifth of the processor time of `--privacy` on 5 GiB.
 * Runs without it are slower with this budget: by 1 % at level 31, 4 % at level 1.
 */
const BUDGET = "--interrupt-budget=1000000";
/** The V8 of Node 20. Later versions count calls instead, and complain about unknown flags on stderr. */
const V8 = /^11\./;

/**
 * Lets V8 optimise functions later, in all threads, in runs that look as if they searched for private data. Must be
 * called before the first thread is started. Loads Node's module in such runs only: it takes as long as the rest of this file.
 */
export function optimiseLate(argv: readonly string[]): void {
  const searches = argv[0] === "handover" || argv.some((word) => word.startsWith("--privacy"));
  if (searches && V8.test(process.versions.v8)) process.getBuiltinModule("node:v8").setFlagsFromString(BUDGET);
}
