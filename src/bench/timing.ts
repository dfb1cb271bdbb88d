import { median } from "./statistics.js";

/** Seconds of wall-clock time, and of CPU time of this whole process. */
export interface Timing {
  readonly wall: number;
  readonly cpu: number;
}

const ROUNDS = 3;

/** The result of some work, and the time that it took. Nothing else may run in this process meanwhile. */
export function timed<T>(work: () => T): { readonly value: T; readonly timing: Timing } {
  const before = process.cpuUsage();
  const start = performance.now();
  const value = work();
  const wall = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { value, timing: { wall, cpu: (user + system) / 1e6 } };
}

/** Medians of several rounds, separately for wall and CPU time, after one uncounted round. */
export function medianTiming(work: () => void): Timing {
  work();
  const rounds = Array.from({ length: ROUNDS }, () => timed(work).timing);
  return { wall: median(rounds.map(({ wall }) => wall)), cpu: median(rounds.map(({ cpu }) => cpu)) };
}
