/** A part that has bytes and is not sent yet. */
export interface OpenPart {
  readonly index: number;
  readonly bytes: Uint8Array;
  /** Written ranges, ascending, not adjacent. */
  written: { start: number; end: number }[];
  /** Whether it contains a header: then it is sent last. */
  held: boolean;
}

/** Adds [start, end) to ascending ranges. Writes mostly continue where the last one ended, so there are few ranges. */
export function addStretch(stretches: { start: number; end: number }[], start: number, end: number): void {
  const merged = { start, end };
  const others = stretches.filter((one) => {
    if (one.end < merged.start || one.start > merged.end) return true;
    merged.start = Math.min(merged.start, one.start);
    merged.end = Math.max(merged.end, one.end);
    return false;
  });
  others.push(merged);
  others.sort((a, b) => a.start - b.start);
  stretches.splice(0, stretches.length, ...others);
}

/** Clears the bytes of a part that were not written: its buffer may have been another part's. */
export function clearRest({ written, bytes }: OpenPart): void {
  let at = 0;
  for (const { start, end } of [...written, { start: bytes.length, end: bytes.length }]) {
    bytes.fill(0, at, start);
    at = end;
  }
}

export function isWhole({ written, bytes }: OpenPart): boolean {
  return written.length === 1 && written[0]?.start === 0 && written[0].end === bytes.length;
}
