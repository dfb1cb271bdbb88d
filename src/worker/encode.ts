import { createEncoder, type PageEncoder } from "../codec/encoder.js";
import { HASH_SIZE, type HashModule, loadEncodeModule, type ZeroModule } from "../codec/wasm/encode/load.js";
import { type EraseSpans, overwrite } from "../filter/erase/spans.js";
import { clearStackTops, type StackTops } from "../filter/privacy/stack-tops.js";
import type { StrictFilter } from "../filter/privacy/strict/strict-filter.js";
import { RECORD_FLAGS_SHIFT, RECORD_SIZE_MASK, ZERO_PAGE } from "../page-record.js";
import { attachStrictMemory } from "../reader/attach.js";
import { clearBits, nextRun, type PageBitmap, runsFrom } from "../reader/bitmap.js";
import { type PhysicalMemory, readPages } from "../reader/physical-memory.js";

import type { SlotLayout } from "./slots.js";
import type { EncodeResult, EncodeTask, WorkerContext, ZeroResult, ZeroTask } from "./tasks.js";

/**
 * Pages are read in groups of this many bytes, so that they are still in the core's cache when they are tested and
 * compressed. Pages to compress are read to the same place each time, so that less memory is touched.
 */
const GROUP_BYTES = 256 << 10;

/** What one worker needs for encoding: made once per thread. */
export interface EncodeState {
  readonly dump: PhysicalMemory;
  readonly kept: PageBitmap;
  readonly bytes: Uint8Array;
  readonly layout: SlotLayout;
  readonly zero: ZeroModule;
  /** `undefined` if pages are not hashed. */
  readonly hash: HashModule | undefined;
  readonly encoder: PageEncoder | undefined;
  readonly erase: readonly EraseSpans[];
  readonly stackTops: StackTops | undefined;
  readonly strict: StrictFilter | undefined;
}

export async function encodeState(context: WorkerContext): Promise<EncodeState> {
  const { image, memory, layout, codec, dedupe, kept, erase = [], stackTops, strict } = context;
  const strictFilter = strict && (await import("../filter/privacy/strict/strict-filter.js")).strictFilter;
  return {
    // Strict: a page that cannot be read now was readable before, and must not become zeros.
    dump: attachStrictMemory(image),
    kept,
    bytes: new Uint8Array(memory.buffer),
    layout,
    zero: loadEncodeModule("zero", memory),
    hash: dedupe ? loadEncodeModule("hash", memory) : undefined,
    encoder: createEncoder(codec, memory, layout),
    erase,
    stackTops,
    strict: strict && strictFilter?.(strict, layout.pageSize, memory, layout.tables),
  };
}

/** How far a range has been read. */
interface Cursor {
  pfn: number;
  readonly endPfn: number;
}

/**
 * Reads the next kept pages of a range, at most `most`, to the address `to`, run by run and without gaps, and
 * overwrites data to be erased: with erase rules that costs a binary search for each run. With `original` nothing is
 * overwritten. Returns the number of pages.
 */
function readKept(state: EncodeState, cursor: Cursor, most: number, to: number, original = false): number {
  const { bytes, layout, dump, kept } = state;
  const { endPfn } = cursor;
  const erase = original ? [] : state.erase;
  const tops = original ? undefined : state.stackTops;
  // The scratch space of the slot that contains `to`: unused between two groups.
  const scratch = Math.floor(to / layout.size) * layout.size + layout.scratch;
  let pages = 0;
  for (const next = runsFrom(cursor.pfn); pages < most && nextRun(kept, next, endPfn); cursor.pfn = next.end) {
    const pfn = next.start;
    next.end = Math.min(next.end, pfn + most - pages);
    const at = to + pages * layout.pageSize;
    const run = bytes.subarray(at, at + (next.end - pfn) * layout.pageSize);
    readPages(dump, pfn * layout.pageSize, run);
    for (const spans of erase) overwrite(spans, run, pfn * layout.pageSize);
    if (tops !== undefined) clearStackTops(tops, run, pfn, layout.pageSize);
    if (!original) state.strict?.clear(at, next.end - pfn, pfn, scratch);
    pages += next.end - pfn;
  }
  if (pages < most) cursor.pfn = endPfn;
  return pages;
}

/**
 * Encodes the kept pages of a task and packs them without gaps. Each page costs its read, the zero test (10 to 200 ns),
 * its hash if the run needs one (0.6 µs for 4 KiB), the codec, and a copy only if it does not shrink.
 */
export function encodePages(state: EncodeState, task: EncodeTask): EncodeResult {
  const { layout, encoder } = state;
  const { startPfn, endPfn, slot } = task;
  const offset = slot * layout.size + (encoder === undefined ? layout.input : layout.output);
  const most = Math.ceil(GROUP_BYTES / layout.pageSize);
  const cursor = { pfn: startPfn, endPfn };
  let [pages, zeroPages, length] = [0, 0, 0];
  const before = state.strict?.cleared ?? 0;
  while (cursor.pfn < endPfn) {
    const group = encodeGroup(state, task, cursor, most, pages, offset + length);
    pages += group.pages;
    zeroPages += group.zeroPages;
    length += group.length;
  }
  const cleared = (state.strict?.cleared ?? 0) - before;
  return { startPfn, endPfn, slot, pages, zeroPages, cleared, offset, length };
}

/**
 * Encodes the next pages of a task, at most `most`, after the `before` pages already done, and packs them at `output`.
 */
function encodeGroup(
  state: EncodeState,
  { slot, dropZeros }: EncodeTask,
  cursor: Cursor,
  most: number,
  before: number,
  output: number,
): { pages: number; zeroPages: number; length: number } {
  const { bytes, layout, zero, hash, encoder } = state;
  const { pageSize } = layout;
  const base = slot * layout.size;
  // Pages that are not compressed are read directly to their place in the output.
  const input = encoder === undefined ? output : base + layout.input;
  const pages = readKept(state, cursor, most, input);
  const records = new Uint32Array(bytes.buffer, base + layout.records + 4 * before, pages);
  const map = base + layout.zeroMap;
  const zeroPages = dropZeros && pages > 0 ? zero.zeroMap(input, pageSize, pages, map) : 0;
  const hashes = base + layout.hashes + HASH_SIZE * before;
  hash?.hashPages(input, pageSize, pages, layout.hashKey, zeroPages > 0 ? map : 0, hashes);
  const isZero = zeroPages > 0 ? bytes.subarray(map, map + pages) : undefined;
  const length =
    encoder === undefined
      ? closeGaps(bytes, input, pageSize, records, isZero)
      : compressPages(encoder, { bytes, records, isZero }, pageSize, { input, output, scratch: base + layout.scratch });
  return { pages, zeroPages, length };
}

/** Pages that were read into a slot. */
interface ReadPages {
  readonly bytes: Uint8Array;
  /** Receives a record for each page. */
  readonly records: Uint32Array;
  /** 1 for each page of zeros; `undefined` if there are none, or if pages of zeros are stored like others. */
  readonly isZero: Uint8Array | undefined;
}

/** Addresses in the slots' memory. */
interface EncodeAddresses {
  readonly input: number;
  readonly output: number;
  readonly scratch: number;
}

/**
 * Compresses the pages that are not zero, without gaps, from `output` on. Returns the number of bytes. Kept small,
 * because V8 has to compile it, and without a branch that few pages take: V8 compiles the loop again when the first one
 * takes it.
 */
function compressPages(
  encoder: PageEncoder,
  { bytes, records, isZero }: ReadPages,
  pageSize: number,
  { input, output, scratch }: EncodeAddresses,
): number {
  const flag = encoder.flag << RECORD_FLAGS_SHIFT;
  let end = output;
  let plain = 0;
  for (let i = 0; i < records.length; i++) {
    let record = ZERO_PAGE;
    if (isZero === undefined || isZero[i] !== 1) {
      const size = encoder.encode(input + i * pageSize, end, scratch);
      record = size === 0 ? pageSize : size | flag;
      end += size === 0 ? pageSize : size;
      plain += size === 0 ? 1 : 0;
    }
    records[i] = record;
  }
  if (plain > 0) copyPlain(bytes, records, pageSize, input, output);
  return end - output;
}

/** Copies the pages that do not shrink to their places among the compressed ones. */
function copyPlain(bytes: Uint8Array, records: Uint32Array, pageSize: number, input: number, output: number): void {
  let at = output;
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as number;
    if (record === ZERO_PAGE) continue;
    const source = input + i * pageSize;
    if (record === pageSize) bytes.copyWithin(at, source, source + pageSize);
    at += record & RECORD_SIZE_MASK;
  }
}

/** Closes the gaps of zero pages among the pages from `start` on, run by run. Returns the number of bytes. */
function closeGaps(
  bytes: Uint8Array,
  start: number,
  pageSize: number,
  records: Uint32Array,
  isZero: Uint8Array | undefined,
): number {
  records.fill(pageSize);
  if (isZero === undefined) return records.length * pageSize;
  let length = 0;
  for (let i = 0; i < records.length; ) {
    if (isZero[i] === 1) {
      records[i++] = ZERO_PAGE;
      continue;
    }
    const next = isZero.indexOf(1, i);
    const end = next < 0 ? records.length : next;
    const from = start + i * pageSize;
    if (from > start + length) bytes.copyWithin(start + length, from, start + end * pageSize);
    length += (end - i) * pageSize;
    i = end;
  }
  return length;
}

/**
 * Clears the bits of the task's pages that are all zero, both in the input and after erasing. Pages that become zero by
 * erasing are kept: a reader that compares the dumps then finds them, and only dropped pages are missing.
 */
export function dropZeroPages(state: EncodeState, task: ZeroTask): ZeroResult {
  const { bytes, layout, zero, kept } = state;
  const base = task.slot * layout.size;
  const pages = readKept(state, { pfn: task.startPfn, endPfn: task.endPfn }, layout.pages, base + layout.input, true);
  const map = base + layout.zeroMap;
  const zeroPages = pages === 0 ? 0 : zero.zeroMap(base + layout.input, layout.pageSize, pages, map);
  const isZero = bytes.subarray(map, map + pages);
  const stay = zeroPages === 0 || state.erase.length === 0 ? 0 : keepOverwritten(state, task, isZero);
  if (zeroPages > stay) clearZeros(kept, task, isZero);
  return { slot: task.slot, zeroPages: zeroPages - stay };
}

/** Clears the bits of the pages of zeros among the kept pages of a range, run by run. */
function clearZeros(kept: PageBitmap, { startPfn, endPfn }: ZeroTask, isZero: Uint8Array): void {
  const run = runsFrom(startPfn);
  let before = 0;
  let zero = isZero.indexOf(1);
  while (zero >= 0 && nextRun(kept, run, endPfn)) {
    const pfn = run.start - before;
    before += run.end - run.start;
    while (zero >= 0 && zero < before) {
      const next = isZero.indexOf(0, zero);
      const end = next < 0 ? before : Math.min(next, before);
      clearBits(kept, pfn + zero, pfn + end);
      zero = isZero.indexOf(1, end);
    }
  }
}

/** Takes the mark from pages of zeros that erasing changes. Returns their number. */
function keepOverwritten(state: EncodeState, { slot, startPfn, endPfn }: ZeroTask, isZero: Uint8Array): number {
  const { bytes, layout, kept } = state;
  const input = slot * layout.size + layout.input;
  let page = 0;
  let stay = 0;
  for (const run = runsFrom(startPfn); nextRun(kept, run, endPfn); ) {
    for (let pfn = run.start; pfn < run.end; pfn++, page++) {
      const at = input + page * layout.pageSize;
      if (isZero[page] !== 1 || !isOverwritten(state, bytes.subarray(at, at + layout.pageSize), pfn)) continue;
      isZero[page] = 0;
      stay++;
    }
  }
  return stay;
}

/** Whether erasing changes this page of zeros. */
function isOverwritten({ erase, layout }: EncodeState, page: Uint8Array, pfn: number): boolean {
  for (const spans of erase) overwrite(spans, page, pfn * layout.pageSize);
  return page.some((byte) => byte !== 0);
}
