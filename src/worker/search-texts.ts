import { type FindLandmarks, landmarkSearch } from "../filter/text/find-landmarks.js";
import { PatternFinder } from "../filter/text/find-patterns.js";
import { EDGE, type FoundNeedle, MAX_MATCH, type RuleMatch, withoutTwins } from "../filter/text/searched.js";
import { createSearcher, MAX_NEEDLE, type Searcher } from "../filter/text/searcher.js";
import { SplitNeedles } from "../filter/text/split-needles.js";
import type { RuleNeedle, TextSearch } from "../filter/text/text-search.js";
import { WideTexts } from "../filter/text/wide-texts.js";
import { findBit, type PageBitmap, testBit } from "../reader/bitmap.js";
import { type PhysicalMemory, readPages } from "../reader/physical-memory.js";
import type { SearchResult, SearchTask } from "./tasks.js";

/**
 * Bytes that are read before and behind each piece of memory, for matches across its borders: whole pages, so that
 * words stay aligned.
 */
const MARGIN = MAX_MATCH;
/** Where a piece is in the searcher's input: behind the margin and the zeros before that, at a multiple of 4. */
const FIRST = MARGIN + 2 * EDGE;
/** Numbers for one match in a result: rule, first byte, byte behind the last. */
export const MATCH_NUMBERS = 3;
/**
 * Numbers for one half of a text at the border of a page: needle, its length before the border, 1 for the second half,
 * the border's address.
 */
export const HALF_NUMBERS = 4;

/** What one worker needs for searching: made once per thread. */
export interface SearchState {
  readonly dump: PhysicalMemory;
  readonly pageSize: number;
  readonly kept: PageBitmap;
  readonly search: TextSearch;
  readonly searcher: Searcher;
  readonly finder: PatternFinder;
  readonly landmarks: FindLandmarks | undefined;
  readonly wide: WideTexts;
  readonly split: SplitNeedles;
}

export function searchState(dump: PhysicalMemory, pageSize: number, kept: PageBitmap, search: TextSearch): SearchState {
  const finder = new PatternFinder(search);
  const searcher = createSearcher(search.needles, pageSize, FIRST + MARGIN + EDGE);
  return {
    ...{ dump, pageSize, kept, search, finder, searcher },
    landmarks: landmarkSearch(search.finders, searcher),
    wide: new WideTexts(finder),
    split: new SplitNeedles(search.needles),
  };
}

/** What a task found, until it is sent. */
class Found {
  readonly matches: number[] = [];
  readonly halves: number[] = [];
  readonly counts: Float64Array;

  constructor(rules: number) {
    this.counts = new Float64Array(rules);
  }

  add({ rule, start, end }: RuleMatch, shift: number): void {
    const last = this.matches.length - MATCH_NUMBERS;
    // This match is the end of the previous one.
    const isPart = (k: number) =>
      (this.matches[k + 1] as number) <= start + shift && (this.matches[k + 2] as number) >= end + shift;
    if (last >= 0 && this.matches[last] === rule && isPart(last)) return;
    this.counts[rule] = (this.counts[rule] as number) + 1;
    const goesOn = last >= 0 && this.matches[last] === rule && (this.matches[last + 2] as number) === start + shift;
    if (goesOn) this.matches[last + 2] = end + shift;
    else this.matches.push(rule, start + shift, end + shift);
  }
}

/**
 * Searches the kept pages of a range for all texts of the rules. A match that begins in these pages is also found if it
 * continues in the kept pages behind them. Costs about 1 ns per byte for all texts together, a tenth of that for most patterns, and
 * 1 ns for each table of patterns that contain nothing rare.
 */
export function searchTexts(state: SearchState, { startPfn, endPfn }: SearchTask): SearchResult {
  const { kept, pageSize, searcher, search } = state;
  const found = new Found(search.rules);
  const most = Math.floor(searcher.room / pageSize);
  let pfn = findBit(kept, startPfn, endPfn, true);
  let pages = 0;
  while (pfn < endPfn) {
    const end = findBit(kept, pfn, Math.min(pfn + most, endPfn), false);
    searchPiece(state, pfn, end, found);
    pages += end - pfn;
    pfn = findBit(kept, end, endPfn, true);
  }
  return {
    pages,
    matches: Float64Array.from(found.matches),
    counts: found.counts,
    halves: Float64Array.from(found.halves),
  };
}

/**
 * Searches the pages [first, end), which are all kept. They are read into the searcher's input with the memory around
 * them.
 */
function searchPiece(state: SearchState, first: number, end: number, found: Found): void {
  const { dump, pageSize, search, searcher } = state;
  const { input } = searcher;
  const from = FIRST;
  const to = from + (end - first) * pageSize;
  readPages(dump, first * pageSize, input.subarray(from, to));
  const lowest = from - readBefore(state, first, input.subarray(from - MARGIN, from));
  const highest = to + readBehind(state, end, input.subarray(to, to + MARGIN));
  // The bytes there are left from the previous piece.
  input.fill(0, lowest - EDGE, lowest);
  input.fill(0, highest, highest + EDGE);
  const shift = first * pageSize - from;
  if (search.needles.length > 0) {
    const needles: FoundNeedle[] = [];
    searcher.search(
      to,
      highest,
      (index, at) => {
        const { rule, encoding, bytes } = search.needles[index] as RuleNeedle;
        needles.push({ rule, encoding, start: at, end: at + bytes.length });
      },
      from,
    );
    for (const match of withoutTwins(needles)) found.add(match, shift);
    for (let at = from; at < to; at += pageSize) {
      state.split.page(input.subarray(at, at + pageSize), (needle, before, behind) => {
        found.halves.push(needle, before, behind ? 1 : 0, at + shift + (behind ? 0 : pageSize));
      });
    }
  }
  if (search.patterns.length > 0) {
    const mine = (match: RuleMatch) => {
      if (match.start >= from && match.start < to) found.add(match, shift);
    };
    const searched = { bytes: input, from: lowest, to: highest };
    state.finder.find(searched, mine, state.landmarks?.(lowest - EDGE, highest + EDGE));
    state.wide.find(searched, mine);
  }
}

/** Fills the end of `into` with the kept pages before `pfn`; returns how many bytes these are. */
function readBefore({ dump, pageSize, kept }: SearchState, pfn: number, into: Uint8Array): number {
  let pages = 0;
  while (pages * pageSize < into.length && pfn - pages > 0 && testBit(kept, pfn - pages - 1)) pages++;
  const length = Math.min(into.length, pages * pageSize);
  readPages(dump, pfn * pageSize - length, into.subarray(into.length - length));
  return length;
}

function readBehind({ dump, pageSize, kept }: SearchState, pfn: number, into: Uint8Array): number {
  let pages = 0;
  while (pages * pageSize < into.length && testBit(kept, pfn + pages)) pages++;
  const length = Math.min(into.length, pages * pageSize);
  readPages(dump, pfn * pageSize, into.subarray(0, length));
  return length;
}

// A string that begins at a piece's last byte must fit into the margin behind it.
if (MAX_NEEDLE > MARGIN) throw new Error("the margin is too small");
