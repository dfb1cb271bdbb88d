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
