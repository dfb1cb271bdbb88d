/** How text lies in memory. */
export type TextEncoding = "utf8" | "utf16le" | "utf16be";

/** A match of a pattern has so many bytes at most; what lies behind is searched anew. */
export const MAX_MATCH = 16 << 10;

/** Zeros around what is searched: what stands before the first character and behind the last. */
export const EDGE = 2;

/** Bytes [from, to) of an array that begins at a place which 4 divides, with `EDGE` zeros, or what lies there in memory, before and behind. */
export interface Searched {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** Bytes [start, end). */
export interface TextMatch {
  readonly start: number;
  readonly end: number;
}

/** A match of a rule: bytes [start, end). */
export interface RuleMatch extends TextMatch {
  readonly rule: number;
}

/** A byte string that was found. */
export interface FoundNeedle extends RuleMatch {
  readonly encoding: TextEncoding | undefined;
}

/**
 * Leaves out what is found twice: ASCII in UTF-16 of one byte order is also, one byte further or before, text of the other
 * order. What begins at an even place is meant.
 */
export function withoutTwins(matches: readonly FoundNeedle[]): readonly RuleMatch[] {
  const even = new Set<string>();
  const is16 = ({ encoding }: FoundNeedle) => encoding !== undefined && encoding !== "utf8";
  const key = (rule: number, start: number, end: number) => `${rule} ${start} ${end}`;
  for (const match of matches) {
    if (is16(match) && match.start % 2 === 0) even.add(key(match.rule, match.start, match.end));
  }
  if (even.size === 0) return matches;
  return matches.filter((match) => {
    if (!is16(match) || match.start % 2 === 0) return true;
    const by = match.encoding === "utf16le" ? -1 : 1;
    return !even.has(key(match.rule, match.start + by, match.end + by));
  });
}
