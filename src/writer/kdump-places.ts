import { RECORD_FLAGS_SHIFT, RECORD_SIZE_MASK, ZERO_PAGE } from "../page-record.js";
import { HOST_LITTLE } from "../reader/fields.js";
import { PAGE_DESC_SIZE } from "../reader/kdump/layout.js";
import type { DumpFacts } from "./dump-facts.js";
import type { EncodedPages } from "./dump-writer.js";
import type { SharedPages } from "./shared-pages.js";

// The loops over pages of a kdump-compressed file. They are small, so that V8 compiles them early.

/** File offsets for pages. */
interface Places {
  /** File offset of the next page with bytes of its own. */
  readonly position: number;
  /** File offset of the page of zeros that all pages of zeros share. */
  readonly zeroPage: number;
}

/**
 * Places pages one after the other; `offsets` receives their file offsets. Returns where they end. Takes about 2 ns a
 * page.
 */
export function placePages(records: Uint32Array, { position, zeroPage }: Places, offsets: Float64Array): number {
  let at = position;
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as number;
    offsets[i] = record === ZERO_PAGE ? zeroPage : at;
    at += record & RECORD_SIZE_MASK;
  }
  return at;
}

/**
 * The same, but pages whose equal is in the file already share its place; the gaps in `data` are closed, so that one
 * write is enough.
 */
export function placeOnce(
  shared: SharedPages,
  { records, hashes, data }: Pick<EncodedPages, "records" | "hashes" | "data">,
  { position, zeroPage }: Places,
  offsets: Float64Array,
): number {
  let at = position;
  // Offset of the page's bytes in `data`.
  let from = 0;
  let moved = 0;
  // Bytes [keep, from) still have to be moved.
  let keep = 0;
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as number;
    const size = record & RECORD_SIZE_MASK;
    const known = record === ZERO_PAGE ? zeroPage : shared.find(hashes, i, at, record);
    offsets[i] = known ?? at;
    if (known === undefined) at += size;
    else if (record !== ZERO_PAGE) {
      if (keep !== moved) data.copyWithin(moved, keep, from);
      moved += from - keep;
      keep = from + size;
    }
    from += size;
  }
  if (keep !== moved) data.copyWithin(moved, keep, from);
  return at;
}

/**
 * Writes the descriptors of pages with these records and file offsets to the start of `out`. Takes about 5 ns a page.
 */
export function describePages(
  out: Uint8Array,
  records: Uint32Array,
  offsets: Float64Array,
  { pageSize, machine }: Pick<DumpFacts, "pageSize" | "machine">,
): void {
  const words = new Uint32Array(out.buffer, out.byteOffset, (records.length * PAGE_DESC_SIZE) / 4);
  const low = machine.littleEndian ? 0 : 1;
  let word = 0;
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as number;
    const offset = offsets[i] as number;
    words[word + low] = offset;
    words[word + 1 - low] = offset / 2 ** 32;
    words[word + 2] = record === ZERO_PAGE ? pageSize : record & RECORD_SIZE_MASK;
    words[word + 3] = record >>> RECORD_FLAGS_SHIFT;
    word += PAGE_DESC_SIZE / 4;
  }
  if (machine.littleEndian !== HOST_LITTLE) Buffer.from(words.buffer, words.byteOffset, words.byteLength).swap32();
}

/** Number of records of zero pages without bytes. */
export function zerosIn(records: Uint32Array): number {
  let zeros = 0;
  for (let i = 0; i < records.length; i++) if (records[i] === ZERO_PAGE) zeros++;
  return zeros;
}
