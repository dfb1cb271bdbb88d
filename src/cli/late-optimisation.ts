import { setFlagsFromString } from "node:v8";

/**
 * What V8 counts of a function before it optimises it: 15 times its own number. Most runs end before optimised code has paid for its making: a
 * fifth of the processor time of `--privacy` on 5 GiB was spent on that (1.77 times level 31 before, 1.5 with it). What runs for
 * seconds is optimised some milliseconds later.
 */
const BUDGET = "--interrupt-budget=1000000";
/** The V8 of Node 20. Later ones count calls instead, and tell an unknown flag on stderr. */
const V8 = /^11\./;

/** Lets V8 optimise functions later, in all threads. Before the first of them is started. */
export function optimiseLate(): void {
  if (V8.test(process.versions.v8)) setFlagsFromString(BUDGET);
}
