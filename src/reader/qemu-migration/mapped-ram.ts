import { ENTRY, entryOf, GROUP, type PageIndexBuilder, ZERO_ENTRY } from "../paged/page-index.js";
import { readInto } from "../source/byte-source.js";
import { damagedStream, type StreamReader } from "./stream.js";

/**
 * A block whose pages are at fixed places (capability mapped-ram, QEMU 9.0 and later). Offsets count from the start of
 * the file, wherever the stream begins in it.
 */
export interface FixedPages {
  readonly bitmap: number;
  readonly pages: number;
}

const VERSION = 1;
/** Bytes of a bitmap that are read at once. */
const PIECE = 1 << 16;

/**
 * Reads the rest of a block's entry in the list: version, page size, and where its bitmap and its pages are.
 * `undefined` if its pages are not in the file. The stream continues behind the pages.
 */
export function readFixedPages(
  reader: StreamReader,
  name: string,
  length: number,
  pageSize: number,
): FixedPages | undefined {
  const at = reader.position;
  const version = reader.u32();
  const size = reader.u64();
  const bitmap = reader.u64();
  const pages = reader.u64();
  if (version !== VERSION || size !== pageSize) {
    throw damagedStream(reader.source, at, `pages at fixed places of version ${version}, ${size} bytes each`);
  }
  // Memory that is shared with a file of its own is not written.
  if (bitmap === 0 && pages === 0) return undefined;
  const words = Math.ceil(length / pageSize / 64);
  if (bitmap < reader.position || pages < bitmap + 8 * words || !Number.isSafeInteger(pages + length)) {
    throw damagedStream(reader.source, at, `pages of ${JSON.stringify(name)} at ${pages}, their bitmap at ${bitmap}`);
  }
  return { bitmap, pages };
}

/**
 * Puts the pages of a block at a fixed place into the index. A set bit of the bitmap is a page that is stored, at the
 * place of its number; other pages are zeros. The bitmap consists of the host's unsigned longs: on a little-endian
 * host, as nearly all are, it is bytes in order. Pages beyond the end of the file are not listed.
 */
export function indexFixedPages(
  { source }: StreamReader,
  fixed: FixedPages,
  { firstPage, length }: { readonly firstPage: number; readonly length: number },
  pageSize: number,
  index: PageIndexBuilder,
): void {
  const count = length / pageSize;
  const bytes = new Uint8Array(PIECE);
  for (let first = 0; first < count; first += PIECE * 8) {
    const n = Math.min(PIECE * 8, count - first);
    const bits = bytes.subarray(0, Math.ceil(n / 8));
    readInto(source, bits, fixed.bitmap + first / 8, "bitmap of pages");
    for (let i = 0; i < n; i++) {
      if ((firstPage + first + i) % GROUP === 0 && i + GROUP <= n && isEmpty(bits, i, i + GROUP)) {
        index.setZeros(firstPage + first + i);
        i += GROUP - 1;
        continue;
      }
      const stored = ((bits[i >> 3] as number) & (1 << (i & 7))) !== 0;
      const place = fixed.pages + (first + i) * pageSize;
      if (!stored) index.set(firstPage + first + i, ZERO_ENTRY);
      else if (place + pageSize <= source.size) index.set(firstPage + first + i, entryOf(ENTRY.plain, place));
    }
  }
}

/** Whether none of the bits [from, to) is set, nor one beside them in the same bytes. */
function isEmpty(bits: Uint8Array, from: number, to: number): boolean {
  for (let at = from >> 3; at < (to + 7) >> 3; at++) if (bits[at] !== 0) return false;
  return true;
}
