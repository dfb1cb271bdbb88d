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

/** The middle value, or the mean of the two in the middle; NaN for an empty array. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Seconds for a table, with three figures. */
export function formatFigure(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  return seconds < 0.1 ? seconds.toFixed(3) : seconds < 10 ? seconds.toFixed(2) : seconds.toFixed(1);
}

/** Bytes in MiB. */
export function formatMib(bytes: number): string {
  if (!Number.isFinite(bytes)) return "";
  return (bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0);
}
