import { loadEncodeModule } from "../codec/wasm/encode/load.js";
import { DumpError } from "../errors.js";
import { ERASED } from "../filter/erase/spans.js";
import type { Searcher } from "../filter/text/searcher.js";
import type { LongWork } from "../long-work.js";
import { findBit, type PageBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { PfnRange } from "../reader/pfn-range.js";
import { readPages } from "../reader/physical-memory.js";

/** Receives what is found in pages. Offsets are bytes from the start of the page. */
export interface PageVisitor {
  /** `zero`: the page is all zeros, or all of the byte that erasing writes. */
  page(pfn: number, zero: boolean): void;
  /** The secret with this index begins in a page. */
  secret(secret: number, pfn: number, offset: number): void;
}

/**
 * Reads the pages of [startPfn, endPfn) whose bit is set, and searches them. A secret that begins in these pages is
 * also found if it continues in the next page, if the dump has that. Returns how many pages cannot be decoded; they
 * count as not zero. Each page costs its read, and about 1 ns per byte. Yields behind each read.
 */
export function* searchPages(
  dump: Dump,
  present: PageBitmap,
  { startPfn, endPfn }: PfnRange,
  searcher: Searcher,
  visitor: PageVisitor,
): LongWork<number> {
  const { pageSize, maxMapnr } = dump;
  const { input, reach } = searcher;
  const zero = loadEncodeModule("zero", searcher.memory);
  const map = new Uint8Array(searcher.memory.buffer, searcher.mapAt);
  const most = Math.floor(searcher.room / pageSize);
  let damaged = 0;
  let pfn = findBit(present, startPfn, endPfn, true);
  while (pfn < endPfn) {
    const end = findBit(present, pfn, Math.min(pfn + most, endPfn), false);
    const count = end - pfn;
    const bytes = count * pageSize;
    const bad = readRun(dump, pfn, input.subarray(0, bytes));
    damaged += bad.size;
    let length = bytes;
    const goesOn = end < maxMapnr && findBit(present, end, end + 1, true) === end;
    if (reach > 0 && goesOn) length += readSome(dump, input.subarray(bytes, bytes + reach), end * pageSize);
    zero.zeroMap(searcher.inputAt, pageSize, count, searcher.mapAt);
    for (let i = 0; i < count; i++) {
      const page = input.subarray(i * pageSize, (i + 1) * pageSize);
      visitor.page(pfn + i, (map[i] === 1 || isErased(page)) && !bad.has(pfn + i));
    }
    const first = pfn;
    searcher.search(bytes, length, (secret, at) => {
      const page = Math.floor(at / pageSize);
      visitor.secret(secret, first + page, at - page * pageSize);
    });
    yield undefined;
    pfn = findBit(present, end, endPfn, true);
  }
  return damaged;
}

/** A page that has only the byte that erasing writes contains as little as a page of zeros. */
function isErased(page: Uint8Array): boolean {
  if (page[0] !== ERASED || page[page.length - 1] !== ERASED) return false;
  return page.every((byte) => byte === ERASED);
}

const NONE: ReadonlySet<number> = new Set();

/** Reads pages into `into`. Returns those that cannot be decoded; their bytes are zero. */
function readRun({ memory, pageSize }: Dump, first: number, into: Uint8Array): ReadonlySet<number> {
  try {
    readPages(memory, first * pageSize, into);
    return NONE;
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  const bad = new Set<number>();
  for (let i = 0; i * pageSize < into.length; i++) {
    const page = into.subarray(i * pageSize, (i + 1) * pageSize);
    try {
      readPages(memory, (first + i) * pageSize, page);
    } catch (error) {
      if (!isDamage(error)) throw error;
      page.fill(0);
      bad.add(first + i);
    }
  }
  return bad;
}

function readSome({ memory }: Dump, into: Uint8Array, paddr: number): number {
  try {
    return memory.read(into, paddr);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return 0;
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof DumpError && (error.code === "CORRUPT" || error.code === "TRUNCATED");
}
