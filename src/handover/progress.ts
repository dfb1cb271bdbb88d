import type { HandOverOptions, HandOverProgress } from "./hand-over-types.js";

type Phase = HandOverProgress["phase"];

/**
 * Rough durations of the phases, in parts of the whole: measured with a dump of 5 GiB of memory that is cached by the
 * system.
 */
const WEIGHTS: Readonly<Record<Phase, number>> = {
  find: 0,
  classify: 5,
  extend: 0,
  check: 2,
  search: 15,
  zero: 5,
  write: 35,
  audit: 20,
  verify: 10,
  compare: 15,
  digest: 10,
  send: 10,
};

/** Makes a function that reports the progress of a run with these phases to `onProgress`. */
export function progressOf(
  phases: readonly Phase[],
  onProgress: HandOverOptions["onProgress"],
): (phase: Phase, done: number, total: number) => void {
  const all = phases.reduce((sum, phase) => sum + WEIGHTS[phase], 0);
  let reached = 0;
  return (phase, done, total) => {
    const at = phases.indexOf(phase);
    if (at < 0) return;
    const before = phases.slice(0, at).reduce((sum, one) => sum + WEIGHTS[one], 0);
    const here = total === 0 ? 1 : Math.min(1, done / total);
    reached = Math.max(reached, (before + WEIGHTS[phase] * here) / all);
    onProgress?.({ phase, done, total, share: reached });
  };
}
