import type { Dfa } from "./automaton.js";
import { refine } from "./refine.js";
import { EDGE, MAX_MATCH, type RuleMatch, type Searched } from "./searched.js";
import type { PatternTables, TextSearch } from "./text-search.js";

/**
 * Finds all matches of a search's patterns in bytes. One table reads forwards until something matches; from there one
 * table reads back to the beginning, and one forwards to the longest end. No byte is read twice except in a match,
 * which has at most MAX_MATCH bytes: about 1 ns per byte and table, whatever the patterns and the bytes. With places of
 * landmarks only bytes around them are read.
 */
export class PatternFinder {
  /** For each table: 1 for bytes with which its start state does not change. */
  readonly #stays: readonly Uint8Array[];
  /** The end of the last match, by pattern. */
  readonly #ends: Float64Array;

  constructor(private readonly search: TextSearch) {
    this.#stays = search.finders.map(({ dfa: { next, columns, start } }) =>
      Uint8Array.from({ length: 256 }, (_, byte) => Number(next[start + (columns[byte] as number)] === start)),
    );
    this.#ends = new Float64Array(search.patterns.length);
  }

  /** `places`: for each table, where landmarks of its patterns begin, ascending; without them everything is read. */
  find(
    searched: Searched,
    found: (match: RuleMatch) => void,
    places?: readonly (readonly number[] | undefined)[] | undefined,
  ): void {
    this.#ends.fill(searched.from);
    this.search.finders.forEach(({ dfa, breaks }, i) => {
      const near = places?.[i];
      if (near === undefined) this.#read(dfa, this.#stays[i] as Uint8Array, searched, found);
      else this.#readAround(dfa, breaks, near, searched, found);
    });
  }

  /**
   * Finds the same as reading everything: behind a break the table continues as from its start, and a match that ends
   * before the next break contains a landmark.
   */
  #readAround(
    finder: Dfa,
    breaks: Uint8Array,
    places: readonly number[],
    searched: Searched,
    found: (match: RuleMatch) => void,
  ): void {
    const { next, columns, start, accepting } = finder;
    const { bytes, from, to } = searched;
    const limit = to + EDGE;
    // The break, or the end, up to which everything was read.
    let done = from - EDGE;
    for (const place of places) {
      if (place < done) continue;
      // The landmark's first byte may itself be a break: the last byte of a match that began before it.
      let first = Math.max(done, place - 1);
      while (first > done && breaks[bytes[first] as number] === 0) first--;
      let state = start;
      let at = first;
      do {
        state = next[state + (columns[bytes[at] as number] as number)] as number;
        if (state >= accepting) this.#takeAll(finder, state, at + 1, searched, found);
        at++;
      } while (at < limit && (at <= place || breaks[bytes[at] as number] === 0));
      if (at < limit) {
        state = next[state + (columns[bytes[at] as number] as number)] as number;
        if (state >= accepting) this.#takeAll(finder, state, at + 1, searched, found);
      }
      done = at;
      if (done >= limit) return;
    }
  }

  #read(finder: Dfa, stays: Uint8Array, searched: Searched, found: (match: RuleMatch) => void): void {
    const { next, columns, start, accepting } = finder;
    const { bytes, from, to } = searched;
    const limit = to + EDGE;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    const rest = restOf(finder);
    let state = start;
    for (let at = from - EDGE; at < limit; at++) {
      if (state === start) {
        while (at < limit && stays[bytes[at] as number] === 1) at++;
        if (at >= limit) return;
      } else if (state === rest && (at & 3) === 0) {
        // Most memory is zeros.
        while (at + 4 <= limit && words[at >> 2] === 0) at += 4;
        if (at >= limit) return;
      }
      state = next[state + (columns[bytes[at] as number] as number)] as number;
      if (state >= accepting) this.#takeAll(finder, state, at + 1, searched, found);
    }
  }

  /** Reports the matches of all patterns of a state, which end at `end`. */
  #takeAll(
    { accepts, accepting, classes }: Dfa,
    state: number,
    end: number,
    searched: Searched,
    found: (match: RuleMatch) => void,
  ): void {
    for (const pattern of accepts[(state - accepting) / classes] as readonly number[]) {
      this.#take(pattern, end, searched, found);
    }
  }

  /** Reports a match of a pattern, which ends at `end`. */
  #take(index: number, end: number, searched: Searched, found: (match: RuleMatch) => void): void {
    const pattern = this.search.patterns[index] as PatternTables;
    if (end - pattern.after <= (this.#ends[index] as number)) return;
    const { bytes, from, to } = searched;
    const first = longestBack(pattern.backwards, bytes, end, Math.max(from - EDGE, end - MAX_MATCH));
    if (first === undefined) return;
    const last = longest(pattern.forwards, bytes, first, Math.min(to + EDGE, first + MAX_MATCH)) ?? end;
    const match = { start: Math.max(from, first + pattern.before), end: Math.min(to, last - pattern.after) };
    const refined = pattern.refinement === undefined ? match : refine(pattern.refinement, searched, match);
    if (refined === undefined) return;
    this.#ends[index] = Math.max(refined.end, match.end);
    if (refined.end > refined.start) found({ rule: pattern.rule, ...refined });
  }
}

/** The state in which zeros leave a table unchanged; -1 if there is none. */
function restOf({ next, columns, start }: Dfa): number {
  const zero = columns[0] as number;
  const first = next[start + zero] as number;
  return next[first + zero] === first ? first : -1;
}

function longest({ next, columns, start, accepting }: Dfa, bytes: Uint8Array, from: number, to: number) {
  let state = start;
  let end: number | undefined;
  for (let at = from; at < to && state !== 0; at++) {
    state = next[state + (columns[bytes[at] as number] as number)] as number;
    if (state >= accepting) end = at + 1;
  }
  return end;
}

function longestBack({ next, columns, start, accepting }: Dfa, bytes: Uint8Array, from: number, to: number) {
  let state = start;
  let begin: number | undefined;
  for (let at = from - 1; at >= to && state !== 0; at--) {
    state = next[state + (columns[bytes[at] as number] as number)] as number;
    if (state >= accepting) begin = at;
  }
  return begin;
}
