/** Code points [low, high], both included. Lists of them are ascending, disjoint, and not adjacent. */
export type CodeRange = readonly [low: number, high: number];

export const MAX_CODE = 0x10ffff;
/** UTF-16's halves of code points above 0xffff, which are not characters. */
const SURROGATES: CodeRange = [0xd800, 0xdfff];

/** Sorts and joins ranges. */
export function codeSet(ranges: readonly CodeRange[]): CodeRange[] {
  const out: [number, number][] = [];
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else out.push([low, high]);
  }
  return out;
}

/** All code points outside of a set. */
export function complement(ranges: readonly CodeRange[]): CodeRange[] {
  const out: CodeRange[] = [];
  let at = 0;
  for (const [low, high] of codeSet(ranges)) {
    if (low > at) out.push([at, low - 1]);
    at = high + 1;
  }
  if (at <= MAX_CODE) out.push([at, MAX_CODE]);
  return out;
}

/** Adds the other case of the letters A to Z. */
export function bothCases(ranges: readonly CodeRange[]): CodeRange[] {
  const more: CodeRange[] = [];
  for (const [low, high] of ranges) {
    for (const [from, to, by] of [
      [0x41, 0x5a, 0x20],
      [0x61, 0x7a, -0x20],
    ] as const) {
      const [first, last] = [Math.max(low, from), Math.min(high, to)];
      if (first <= last) more.push([first + by, last + by]);
    }
  }
  return codeSet([...ranges, ...more]);
}

/** One encoding of characters of a set: the possible values of each byte, in order. */
export type ByteSequence = readonly (readonly [low: number, high: number])[];

/** The UTF-8 byte sequences of the characters of a set. */
export function byteSequences(ranges: readonly CodeRange[]): ByteSequence[] {
  return ranges
    .flatMap(([low, high]): CodeRange[] => [
      ...(low < SURROGATES[0] ? [[low, Math.min(high, SURROGATES[0] - 1)] as const] : []),
      ...(high > SURROGATES[1] ? [[Math.max(low, SURROGATES[1] + 1), high] as const] : []),
    ])
    .flatMap(utf8);
}

/** The last code points with one, two, three and four bytes in UTF-8 (RFC 3629), and the mark of the first byte. */
const UTF8 = [
  [0x7f, 0x00],
  [0x7ff, 0xc0],
  [0xffff, 0xe0],
  [MAX_CODE, 0xf0],
] as const;

function utf8([low, high]: CodeRange): ByteSequence[] {
  const out: ByteSequence[] = [];
  let from = low;
  UTF8.forEach(([last, mark], more) => {
    if (from > Math.min(last, high)) return;
    const digits = (code: number) => Array.from({ length: more }, (_, i) => (code >> (6 * (more - 1 - i))) & 0x3f);
    const to = Math.min(last, high);
    for (const sequence of splitDigits(
      [from >> (6 * more), ...digits(from)],
      [to >> (6 * more), ...digits(to)],
      0x3f,
    )) {
      out.push(sequence.map(([a, b], i) => (i === 0 ? [a | mark, b | mark] : [a | 0x80, b | 0x80])));
    }
    from = last + 1;
  });
  return out;
}

/** The numbers from one to another, whose digits have values up to `most`, as ranges of each digit. */
function splitDigits(low: readonly number[], high: readonly number[], most: number): ByteSequence[] {
  const [first = 0, ...lowRest] = low;
  const [last = 0, ...highRest] = high;
  if (lowRest.length === 0) return [[[first, last]]];
  const all = lowRest.map(() => [0, most] as const);
  const before = (rests: ByteSequence[], digit: number) => rests.map((rest) => [[digit, digit] as const, ...rest]);
  if (first === last) return before(splitDigits(lowRest, highRest, most), first);
  const out: ByteSequence[] = [];
  const wholeLow = lowRest.every((digit) => digit === 0);
  const wholeHigh = highRest.every((digit) => digit === most);
  if (!wholeLow)
    out.push(
      ...before(
        splitDigits(
          lowRest,
          lowRest.map(() => most),
          most,
        ),
        first,
      ),
    );
  const [from, to] = [wholeLow ? first : first + 1, wholeHigh ? last : last - 1];
  if (from <= to) out.push([[from, to], ...all]);
  if (!wholeHigh)
    out.push(
      ...before(
        splitDigits(
          highRest.map(() => 0),
          highRest,
          most,
        ),
        last,
      ),
    );
  return out;
}

/** Bytes that are not a letter, digit or _. */
const NO_WORD = [
  [0x00, 0x2f],
  [0x3a, 0x40],
  [0x5b, 0x5e],
  [0x60, 0x60],
  [0x7b, 0xff],
] as const;

/** The bytes that may be next to a word; they need not be text. */
export const EDGE_SEQUENCES: readonly ByteSequence[] = NO_WORD.map((range) => [range]);
