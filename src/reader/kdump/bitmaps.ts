import type { DumpError } from "../../errors.js";
import { type PageBitmap, sharedBitmap } from "../bitmap.js";
import { cutOffError } from "../damage.js";
import { type ByteSource, readInto } from "../source/byte-source.js";
import { UNCACHED_READ, uncachedReader } from "../source/past-cache.js";
import { attachSource, type SourceImage } from "../source/source-image.js";
import { STRETCH_STEP, type Stretches, stretchesOver } from "../stretches.js";
import type { KdumpHeader } from "./header.js";

/** Both bitmaps of a kdump-compressed file, with the same stretches. */
export interface KdumpBitmaps {
  readonly exists: PageBitmap;
  readonly dumped: PageBitmap;
}

/** Bytes of a bitmap that are checked together. */
const STEP_BYTES = STRETCH_STEP / 8;
const ZEROS = Buffer.alloc(STEP_BYTES);
/**
 * Up to this size (a bitmap for 256 GiB of 4 KiB pages) a bitmap is one stretch: skipping its empty parts would gain
 * nothing.
 */
const SMALL = 8 << 20;

/**
 * Reads both bitmaps. Of a large bitmap only the parts that are not empty are kept: it is read once, piece by piece, to
 * find them, and these parts are read again. Takes 0.2 s for the 4 GiB of a machine with memory at 64 TiB. A file with
 * only one bitmap (partial dumps of old kernels) has the second one: then the same pages exist and are dumped. Throws
 * `TRUNCATED`, except with `salvage`: then bits that the file lacks are 0.
 */
export function readBitmaps(image: SourceImage, header: KdumpHeader, salvage: boolean): KdumpBitmaps {
  const source = attachSource(image);
  const { blockSize, subHeaderBlocks, maxMapnr, bitmapBlocks } = header;
  const start = (1 + subHeaderBlocks) * blockSize;
  const bytes = Math.ceil(maxMapnr / 8);
  if (bitmapsEnd(header) > source.size && !salvage) throw bitmapsCutOff(source, bitmapsEnd(header));
  const two = bitmapBlocks >= 2 * Math.ceil(bytes / blockSize);
  const second = start + (bitmapBlocks * blockSize) / 2;
  const stretches =
    bytes <= SMALL
      ? stretchesOver([{ start: 0, end: maxMapnr }], maxMapnr)
      : usedStretches(image, two ? [start, second] : [start], maxMapnr);
  const read = (offset: number) => {
    const bitmap = sharedBitmap(stretches);
    readStretches(source, offset, bitmap, maxMapnr, salvage);
    return bitmap;
  };
  const exists = read(start);
  return { exists, dumped: two ? read(second) : exists };
}

/**
 * The stretches where bitmaps in a file have bits. Parts that cannot be read count as empty; reading the bitmaps
 * reports them.
 */
function usedStretches(image: SourceImage, offsets: readonly number[], maxMapnr: number): Stretches {
  const bytes = Math.ceil(maxMapnr / 8);
  const source = attachSource(image);
  const uncached = uncachedReader(image, bytes / 2);
  const piece = Buffer.alloc(UNCACHED_READ);
  const used: { start: number; end: number }[] = [];
  try {
    for (const offset of offsets) {
      for (let at = 0; at < bytes; ) {
        const zeros = source.zerosEnd?.(offset + at) ?? 0;
        at += Math.floor(Math.max(0, Math.min(zeros - offset, bytes) - at) / STEP_BYTES) * STEP_BYTES;
        const wanted = Math.min(UNCACHED_READ, bytes - at);
        const found =
          uncached?.read(offset + at) ?? piece.subarray(0, source.read(piece.subarray(0, wanted), offset + at));
        noteUsed(found.subarray(0, wanted), at, used);
        if (found.length < wanted) break;
        at += UNCACHED_READ;
      }
    }
  } finally {
    uncached?.close();
  }
  return stretchesOver(used, maxMapnr);
}

/** Records which steps of a piece have bits; the piece begins at byte `at` of a bitmap. */
function noteUsed(piece: Uint8Array, at: number, used: { start: number; end: number }[]): void {
  for (let from = 0; from < piece.length; from += STEP_BYTES) {
    const to = Math.min(from + STEP_BYTES, piece.length);
    if (ZEROS.compare(piece, from, to, 0, to - from) === 0) continue;
    const [first, end] = [(at + from) * 8, (at + from + STEP_BYTES) * 8];
    const last = used.at(-1);
    if (last !== undefined && last.end === first) last.end = end;
    else used.push({ start: first, end });
  }
}

function readStretches(
  source: ByteSource,
  offset: number,
  { stretches, bytes }: PageBitmap,
  maxMapnr: number,
  salvage: boolean,
): void {
  for (let i = 0; i < stretches.count; i++) {
    const start = stretches.start[i] as number;
    const place = (stretches.source[i] as number) / 8;
    const end = Math.min(maxMapnr, stretches.end[i] as number);
    const into = bytes.subarray(place, place + Math.ceil((end - start) / 8));
    if (salvage) source.read(into, offset + start / 8);
    else readInto(source, into, offset + start / 8, "page bitmap");
    // Bits behind the last page have no meaning. They are cleared here so that no other code has to check for them.
    const rest = end % 8;
    if (rest !== 0) into[into.length - 1] = (into[into.length - 1] as number) & ((1 << rest) - 1);
  }
}

/** Where the bitmaps of a file end. */
export function bitmapsEnd(header: KdumpHeader): number {
  return (1 + header.subHeaderBlocks + header.bitmapBlocks) * header.blockSize;
}

/** The error of a file that ends before its bitmaps do. */
export function bitmapsCutOff(source: ByteSource, end: number): DumpError {
  return cutOffError(source.name, `holds ${source.size} bytes, but its page bitmaps end at ${end}`);
}
