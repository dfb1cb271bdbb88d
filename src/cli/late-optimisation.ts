import { setFlagsFromString } from "node:v8";

/**
 * V8's budget for a function before it optimises it: 15 times V8's default. Most runs end before optimised code has
 * paid for its compilation: a fifth of the processor time of `--privacy` on 5 GiB was spent on optimising (1.77 times
 * level 31 before, 1.5 with this). Code that runs for seconds is optimised some milliseconds later.
 */
const BUDGET = "--interrupt-budget=1000000";
/** The V8 of Node 20. Later versions count calls instead, and complain about unknown flags on stderr. */
const V8 = /^11\./;

/** Lets V8 optimise functions later, in all threads. Must be called before the first thread is started. */
export function optimiseLate(): void {
  if (V8.test(process.versions.v8)) setFlagsFromString(BUDGET);
}
