import { byteSequences } from "./code-points.js";
import type { PatternNode } from "./parse-pattern.js";

/** For each of the 256 byte values, 1 if it is possible at a place. */
export type ByteSet = Uint8Array;

/** Consecutive bytes in every match of a pattern: 1 to `LANDMARK_BYTES` of them, each as the set of possible values. */
export type Landmark = readonly ByteSet[];

export const LANDMARK_BYTES = 4;

/** What is known about all matches of a part of a pattern. */
interface Shape {
  /** The first bytes and the last ones, as far as they are known. */
  readonly head: Landmark;
  readonly tail: Landmark;
  /** Whether `head`, and so `tail`, is all of it. */
  readonly whole: boolean;
  /** Consecutive bytes that are somewhere in it. */
  readonly inside: readonly Landmark[];
  /** If the part may be absent: its shape when it is present. */
  readonly optional?: Shape;
}

const NOTHING: Shape = { head: [], tail: [], whole: true, inside: [] };
const ANYTHING: Shape = { head: [], tail: [], whole: false, inside: [] };
/** The most bytes that are remembered of each end. */
const MOST = 8;
/** The most runs that are remembered between them: enough for typical patterns. */
const MOST_RUNS = 200;
/** The most repetitions that are expanded. */
const MOST_TIMES = MOST;

/** The rarest bytes that every match contains; `undefined` if they are too frequent in memory to be useful. */
export function landmarkOf(node: PatternNode): Landmark | undefined {
  const { head, tail, inside } = shapeOf(node);
  let best: Landmark | undefined;
  let least = TOO_OFTEN;
  for (const run of [head, tail, ...inside]) {
    const shares = run.map(shareOf);
    for (let from = 0; from < run.length; from++) {
      for (let to = from + 1; to <= Math.min(run.length, from + LANDMARK_BYTES); to++) {
        const share = shares.slice(from, to).reduce((product, one) => product * one, 1);
        if (share >= least) continue;
        best = run.slice(from, to);
        least = share;
      }
    }
  }
  return best;
}

function shapeOf(node: PatternNode): Shape {
  switch (node.kind) {
    case "set":
      return shapeOfSet(byteSequences(node.ranges));
    case "edge":
      return ANYTHING;
    case "all":
      return node.parts.map(shapeOf).reduce(joined, NOTHING);
    case "any":
      return node.parts.map(shapeOf).reduce(either);
    case "repeat": {
      const part = repeatable(shapeOf(node.part), node.most);
      const times = Math.min(Math.max(1, node.least), MOST_TIMES);
      const repeated = Array.from({ length: times }, () => part).reduce(joined, NOTHING);
      // The third repetition adds nothing new.
      const inside = times === 1 ? part.inside : joined(part, part).inside;
      const shape = { ...repeated, whole: repeated.whole && node.most === times, inside };
      return node.least === 0 ? { ...ANYTHING, optional: shape } : shape;
    }
  }
}

/** A part that may be absent is present any number of times in a repetition, not once. */
function repeatable({ optional, ...part }: Shape, most: number): Shape {
  return optional === undefined || most > 1 ? part : { ...part, optional };
}

function shapeOfSet(sequences: ReturnType<typeof byteSequences>): Shape {
  if (sequences.length === 0) return ANYTHING;
  const head = [setOf(sequences.map((sequence) => sequence[0] as readonly [number, number]))];
  const tail = [setOf(sequences.map((sequence) => sequence.at(-1) as readonly [number, number]))];
  return { head, tail, whole: sequences.every(({ length }) => length === 1), inside: [] };
}

function setOf(ranges: readonly (readonly [low: number, high: number])[]): ByteSet {
  const set = new Uint8Array(256);
  for (const [low, high] of ranges) set.fill(1, low, high + 1);
  return set;
}

/** The shape of one part behind the other. */
function joined(a: Shape, b: Shape): Shape {
  if (a === NOTHING) return b;
  if (b.optional !== undefined) return { ...either(a, joined(a, b.optional)), inside: a.inside };
  if (a.optional !== undefined) return { ...either(joined(a.optional, b), b), inside: b.inside };
  const whole = a.whole && b.whole && a.head.length + b.head.length <= MOST;
  return {
    head: a.whole ? [...a.head, ...b.head].slice(0, MOST) : a.head,
    tail: b.whole ? [...a.tail, ...b.tail].slice(-MOST) : b.tail,
    whole,
    inside: [[...a.tail, ...b.head], ...a.inside, ...b.inside].slice(0, MOST_RUNS),
  };
}

/** The shape of alternatives. */
function either(a: Shape, b: Shape): Shape {
  const length = Math.min(a.head.length, b.head.length);
  const last = Math.min(a.tail.length, b.tail.length);
  const both = (one: Landmark, other: Landmark) =>
    one.map((set, i) => set.map((has, byte) => has | (other[i]?.[byte] ?? 0)));
  return {
    head: both(a.head.slice(0, length), b.head.slice(0, length)),
    tail: last === 0 ? [] : both(a.tail.slice(-last), b.tail.slice(-last)),
    whole: a.whole && b.whole && a.head.length === b.head.length,
    inside: [],
  };
}

const OFTEN = Buffer.from(" ._-/:=abcdefghijklmnopqrstuvwxyz0123456789\xff", "latin1");
/** Rough shares of byte values in memory: zeros, then bytes of texts, and bytes of ones. */
const SHARES = Float64Array.from({ length: 256 }, (_, byte) => (byte === 0 ? 60 : OFTEN.includes(byte) ? 4 : 1));
const ALL_SHARES = SHARES.reduce((sum, share) => sum + share, 0);
/** Bytes at more than one of a hundred places are not a landmark. */
const TOO_OFTEN = 1 / 100;

/** The share of a set at one place next to others: letters are often next to letters, and digits next to digits. */
function shareOf(set: ByteSet): number {
  const members = set.reduce((sum, has) => sum + has, 0);
  const share = SHARES.reduce((sum, one, byte) => sum + (set[byte] === 1 ? one : 0), 0) / ALL_SHARES;
  return Math.max(share, members <= FEW ? 0 : members <= SOME ? 0.1 : 0.5);
}

/** A letter in both cases; digits, also hexadecimal ones. */
const FEW = 2;
const SOME = 22;
