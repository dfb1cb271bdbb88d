import type { DumpError } from "../../errors.js";
import type { LongWork } from "../../long-work.js";
import { cutOffError } from "../damage.js";
import { fields } from "../fields.js";
import { mostPages } from "../page-count.js";
import { RECORD_HEAD } from "../paged/image.js";
import type { PageIndex } from "../paged/page-index.js";
import { ENTRY, entryOf, PageIndexBuilder } from "../paged/page-index.js";
import type { ByteSource } from "../source/byte-source.js";
import { ReadWindow } from "../source/read-window.js";
import type { LkcdHeader } from "./header.js";

const FLAG = { raw: 1, packed: 2, end: 4 } as const;
/** Packed data may be a little longer than a page, because the writer did not check for that. */
const MOST_LONGER = 1024;
/** Records between two yields: some milliseconds of work. */
const TURN = 4096;

/** The pages of a dump, and where they are. */
export interface LkcdRecords {
  readonly index: PageIndex;
  /** One more than the highest page. */
  readonly pages: number;
  /** The error if the file ends before its end mark. */
  readonly cut: DumpError | undefined;
}

interface LkcdRecord {
  readonly page: number;
  readonly at: number;
  readonly isPacked: boolean;
}

/**
 * Walks all records twice, because only after the last one the number of pages is known. Throws `CORRUPT`;
 * with `salvage`, damage ends the file.
 */
export function* readRecords(
  source: ByteSource,
  header: LkcdHeader,
  held: number,
  salvage: boolean,
): LongWork<LkcdRecords> {
  let pages = 0;
  const most = mostPages(held);
  const cut = yield* walk(source, header, { salvage, most }, ({ page }) => {
    pages = Math.max(pages, page + 1);
  });
  const builder = new PageIndexBuilder(pages, { held, file: source.name });
  yield* walk(source, header, { salvage: true, most }, ({ page, at, isPacked }) => {
    builder.set(page, isPacked ? entryOf(ENTRY.zlib, at) : entryOf(ENTRY.plain, at + RECORD_HEAD));
  });
  return { index: builder.finish(), pages, cut };
}

/** Calls `take` for each record, and yields now and then. Returns why it ended before the end mark. */
function* walk(
  source: ByteSource,
  header: LkcdHeader,
  { salvage, most }: { readonly salvage: boolean; readonly most: number },
  take: (record: LkcdRecord) => void,
): LongWork<DumpError | undefined> {
  const window = new ReadWindow(source);
  const { unit } = header;
  let records = 0;
  for (let at = header.data; ; ) {
    if (++records % TURN === 0) yield;
    if (at + RECORD_HEAD > source.size) return cutOff(source, at);
    const head = fields(window.read(at, RECORD_HEAD, "head of a page"), header.littleEndian, source.name);
    const [size, flags] = [head.u32(8), head.u32(12)];
    if ((flags & FLAG.end) !== 0) return undefined;
    const address = head.u64(0);
    const isPacked = (flags & FLAG.packed) !== 0;
    const fits = isPacked ? size > 0 && size <= unit + MOST_LONGER : size === unit;
    const isPlace = address % BigInt(unit) === 0n && address < BigInt(most) * BigInt(unit);
    if (!fits || !isPlace || (flags & (FLAG.raw | FLAG.packed)) === 0) {
      const error = damaged(source, at, address, size);
      if (!salvage) throw error;
      return error;
    }
    if (at + RECORD_HEAD + size > source.size) return cutOff(source, at);
    take({ page: Number(address) / unit, at, isPacked });
    at += RECORD_HEAD + size;
  }
}

function cutOff(source: ByteSource, at: number): DumpError {
  return cutOffError(source.name, `ends at byte ${source.size}, before the mark of its end`, at);
}

function damaged(source: ByteSource, offset: number, address: bigint, size: number): DumpError {
  return cutOffError(
    source.name,
    `has a page of ${size} bytes at 0x${address.toString(16)}, where a page's head must be`,
    offset,
    "CORRUPT",
  );
}
