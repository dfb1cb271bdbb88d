import { firstAbove } from "../../sorted.js";
import { findBit } from "../bitmap.js";
import type { DumpImage } from "../dump.js";
import { type Extents, findExtent } from "../extents.js";
import { RECORD_HEADER_SIZE } from "../flattened/records.js";
import { type KdumpImage, type KdumpPart, rankOf } from "../kdump/image.js";
import { PAGE_DESC_SIZE } from "../kdump/layout.js";
import type { PagedImage } from "../paged/image.js";
import { plainPlace } from "../paged/page-index.js";
import type { ByteSource } from "./byte-source.js";
import { inSources } from "./joined-source.js";
import { attachSource, type SourceImage } from "./source-image.js";

/** Receives bytes [start, end) of an input file. */
export type TakeRange = (source: SourceImage, start: number, end: number) => void;

/** Where memory is in the input files, for reading it ahead. Bytes whose place is not known are left out. */
export interface FileRanges {
  /** Passes on the files' bytes with the memory from physical address `start` to `end`, in their order. */
  memory(start: number, end: number, take: TakeRange): void;
  /** Passes on the bytes that `memory` itself reads for these addresses: descriptors of pages. */
  tables(start: number, end: number, take: TakeRange): void;
}

/** Makes the `FileRanges` of a dump, in any thread. */
export function fileRanges(image: DumpImage): FileRanges {
  if (image.kind === "kdump") return kdumpRanges(image);
  if (image.kind === "paged") return pagedRanges(image);
  // The chunks of a snappy stream must be read to find their borders.
  const data = image.kind === "raw" && image.snappy ? undefined : image.data;
  const sources = image.kind === "raw" ? image.sources : [image.source];
  return {
    tables: () => undefined,
    memory: (start, end, take) =>
      data &&
      extentRanges(data, start, end, (from, to) =>
        inSources(sources, from, to, (source, first, last) => inFile(source, first, last, take)),
      ),
  };
}

/** Only pages that are stored plainly: the length of other pages is in the file, so they are left out. */
function pagedRanges({ memory, index, unit, source }: PagedImage): FileRanges {
  return {
    tables: () => undefined,
    memory: (start, end, take) =>
      extentRanges(memory, start, end, (from, to) => {
        for (let page = Math.floor(from / unit); page * unit < to; page++) {
          const place = plainPlace(index, page);
          if (place !== undefined) inFile(source, place, place + unit, take);
        }
      }),
  };
}

function extentRanges(data: Extents, start: number, end: number, take: (from: number, to: number) => void): void {
  for (let i = findExtent(data, start); i < data.count && (data.start[i] as number) < end; i++) {
    const first = data.start[i] as number;
    const from = Math.max(start, first);
    const to = Math.min(end, data.end[i] as number);
    const source = data.source[i] as number;
    if (to > from) take(source + (from - first), source + (to - first));
  }
}

/** Translates bytes of the dump to bytes of its file, which may be flattened or have them in pieces. */
function inFile(image: SourceImage, start: number, end: number, take: TakeRange): void {
  const { window, flattened } = image;
  if (window !== undefined) {
    const { window: _, ...whole } = image;
    extentRanges(window.pieces, start, end, (from, to) => inFile(whole, from, to, take));
    return;
  }
  if (flattened === undefined) {
    take(image, start, end);
    return;
  }
  extentRanges(flattened, start, end, (from, to) => {
    const run = findRun(flattened.source, from);
    const size = flattened.record[run] as number;
    const base = flattened.source[run] as number;
    // Adds the headers of the records in between; if sizes differ, there are at most 64.
    const headers = (bytes: number) => (size > 0 ? Math.floor(bytes / size) : 0) * RECORD_HEADER_SIZE;
    const slack = size > 0 ? 0 : 64 * RECORD_HEADER_SIZE;
    take(image, from + headers(from - base), to + headers(to - base) + slack);
  });
}

/**
 * The run whose payload begins last before a position. In the flattened file runs mostly ascend, so this is a guess; a
 * wrong one only costs reading more bytes.
 */
function findRun(starts: Float64Array, position: number): number {
  return Math.max(0, firstAbove(starts, position) - 1);
}

/** Descriptors that are read together. */
const BATCH = 4096;

function kdumpRanges(image: KdumpImage): FileRanges {
  const sources = new Map<KdumpPart, ByteSource>();
  const sourceOf = (part: KdumpPart) => {
    const known = sources.get(part) ?? attachSource(part.source);
    sources.set(part, known);
    return known;
  };
  const blocksOf = (start: number, end: number): [number, number] => {
    const first = Math.floor(start / image.blockSize) - image.firstBlock;
    const last = Math.ceil(end / image.blockSize) - image.firstBlock;
    return [Math.max(0, first), Math.min(image.maxMapnr, last)];
  };
  /** Calls `each` with each part's share of a range of blocks. */
  const inParts = (start: number, end: number, each: (part: KdumpPart, from: number, to: number) => void) => {
    const [first, last] = blocksOf(start, end);
    for (const part of image.parts) {
      const from = Math.max(first, part.startPfn);
      const to = Math.min(last, part.endPfn);
      if (from < to) each(part, from, to);
    }
  };
  const offsetOf = (part: KdumpPart, block: number) =>
    part.descriptors + (rankOf(image, block) - rankOf(image, part.startPfn)) * PAGE_DESC_SIZE;
  return {
    tables(start, end, take) {
      inParts(start, end, (part, from, to) => {
        inFile(part.source, offsetOf(part, from), offsetOf(part, to), take);
      });
    },
    memory(start, end, take) {
      inParts(start, end, (part, from, to) => {
        const bytes = new Uint8Array(BATCH * PAGE_DESC_SIZE);
        const view = new DataView(bytes.buffer);
        for (let block = findBit(image.present, from, to, true); block < to; ) {
          const run = Math.min(findBit(image.present, block, to, false), block + BATCH);
          const wanted = bytes.subarray(0, (run - block) * PAGE_DESC_SIZE);
          const got = sourceOf(part).read(wanted, offsetOf(part, block));
          for (let at = 0; at + PAGE_DESC_SIZE <= got; at += PAGE_DESC_SIZE) {
            const offset = Number(view.getBigInt64(at, image.littleEndian));
            const size = view.getUint32(at + 8, image.littleEndian);
            if (offset > 0 && size > 0 && size <= image.blockSize) inFile(part.source, offset, offset + size, take);
          }
          block = findBit(image.present, run, to, true);
        }
      });
    },
  };
}
