/** Encodings of text in memory. */
export type TextEncoding = "utf8" | "utf16le" | "utf16be";

/** The most bytes of a match. Behind that the search starts again. */
export const MAX_MATCH = 16 << 10;

/** Zeros before and behind the searched bytes: they replace the characters there. */
export const EDGE = 2;

/**
 * Bytes [from, to) of an array, which begins at a multiple of 4. Before and behind there are `EDGE` zeros, or what
 * memory contains there.
 */
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

/** A found byte string. */
export interface FoundNeedle extends RuleMatch {
  readonly encoding: TextEncoding | undefined;
}

/**
 * Removes double matches: ASCII in UTF-16 of one byte order is also text of the other order, one byte before or behind.
 * The match at an even place is kept.
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
