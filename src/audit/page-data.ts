import { countBits } from "../reader/bitmap.js";
import type { DumpImage } from "../reader/dump.js";
import type { Extents } from "../reader/extents.js";
import type { KdumpImage, KdumpPart } from "../reader/kdump/image.js";
import { PAGE_DESC_SIZE } from "../reader/kdump/layout.js";
import type { PagedImage } from "../reader/paged/image.js";
import { nextListed, plainPlace } from "../reader/paged/page-index.js";
import type { ByteSource } from "../reader/source/byte-source.js";
import { inSources } from "../reader/source/joined-source.js";
import { attachSource, type SourceImage } from "../reader/source/source-image.js";
import { firstIndex } from "../sorted.js";

/** Bytes [start, end) of a file. */
export interface FileRange {
  readonly start: number;
  readonly end: number;
}

/** One file of a dump, and the ranges of bytes in it that are pages' content, ascending and disjoint. */
export interface PageData {
  readonly image: SourceImage;
  readonly source: ByteSource;
  readonly pages: readonly FileRange[];
}

/** Descriptors that are read at once. */
const WINDOW = 4096;
/** No dump has more pieces than this. What is behind them counts as bytes outside of pages, and is searched once more. */
const MOST_PIECES = 1 << 20;

/**
 * Where the content of the pages is in a dump's files. In AVML's compressed chunks it cannot be located, so these have
 * no ranges.
 */
export function pageData(image: DumpImage): PageData[] {
  switch (image.kind) {
    case "elf":
      return [{ image: image.source, source: attachSource(image.source), pages: extentRanges(image.data) }];
    case "raw":
      if (image.snappy) return [];
      return image.sources.map((file) => ({
        image: file,
        source: attachSource(file),
        pages: extentRanges(image.data).flatMap(({ start, end }) => rangesIn(image.sources, file, start, end)),
      }));
    case "paged":
      return [{ image: image.source, source: attachSource(image.source), pages: indexRanges(image) }];
    case "kdump":
      return image.parts.map((part) => {
        const source = attachSource(part.source);
        return { image: part.source, source, pages: descriptorRanges(image, part, source) };
      });
  }
}

/** The part of the bytes [start, end) of all files, counted as one file, that is in one of them. */
function rangesIn(sources: readonly SourceImage[], file: SourceImage, start: number, end: number): FileRange[] {
  const found: FileRange[] = [];
  inSources(sources, start, end, (source, from, to) => {
    if (source === file) found.push({ start: from, end: to });
  });
  return found;
}

function extentRanges({ count, start, end, source }: Extents): FileRange[] {
  const ranges: FileRange[] = [];
  for (let i = 0; i < count; i++) {
    const from = source[i] as number;
    ranges.push({ start: from, end: from + (end[i] as number) - (start[i] as number) });
  }
  return joined(ranges);
}

/**
 * Ranges of a file that stores each page where it arrived. Older copies and packed pages are not distinguished from the
 * bytes between pages.
 */
function indexRanges({ index, unit }: PagedImage): FileRange[] {
  const ranges: FileRange[] = [];
  for (
    let page = nextListed(index, 0, index.pages);
    page < index.pages;
    page = nextListed(index, page + 1, index.pages)
  ) {
    const place = plainPlace(index, page);
    if (place === undefined) continue;
    if (ranges.length === MOST_PIECES) return joined(ranges);
    ranges.push({ start: place, end: place + unit });
  }
  return joined(ranges);
}

/**
 * Ranges from the page descriptors of one file. Data are contiguous, except for the zero page that many pages share.
 */
function descriptorRanges(image: KdumpImage, part: KdumpPart, source: ByteSource): FileRange[] {
  const total = countBits(image.dumped, part.startPfn, Math.min(part.endPfn, image.maxMapnr));
  const bytes = new Uint8Array(WINDOW * PAGE_DESC_SIZE);
  const view = new DataView(bytes.buffer);
  const ranges: { start: number; end: number }[] = [];
  let current: { start: number; end: number } | undefined;
  let shared = -1;
  for (let first = 0; first < total; first += WINDOW) {
    const wanted = bytes.subarray(0, Math.min(WINDOW, total - first) * PAGE_DESC_SIZE);
    const count = Math.floor(source.read(wanted, part.descriptors + first * PAGE_DESC_SIZE) / PAGE_DESC_SIZE);
    for (let i = 0; i < count; i++) {
      const start = Number(view.getBigInt64(i * PAGE_DESC_SIZE, image.littleEndian));
      const size = view.getUint32(i * PAGE_DESC_SIZE + 8, image.littleEndian);
      // A damaged descriptor gives no page's content.
      if (start <= 0 || size > image.blockSize || start === shared) continue;
      if (current !== undefined && start === current.end) {
        current.end += size;
        continue;
      }
      if (current !== undefined && start >= current.start && start + size <= current.end) {
        shared = start;
        continue;
      }
      if (ranges.length >= MOST_PIECES) return joined(ranges);
      current = { start, end: start + size };
      ranges.push(current);
    }
  }
  return joined(ranges);
}

function joined(ranges: readonly FileRange[]): FileRange[] {
  const out: { start: number; end: number }[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = out.at(-1);
    if (last !== undefined && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else out.push({ ...range });
  }
  return out;
}

/** Whether the bytes [start, end) are completely inside one of the ranges. */
export function isWithin(ranges: readonly FileRange[], start: number, end: number): boolean {
  const range = ranges[firstIndex(ranges.length, (i) => (ranges[i] as FileRange).end > start)];
  return range !== undefined && range.start <= start && end <= range.end;
}

/** The parts of the bytes [0, size) that are in none of the ranges. */
export function gapsOf(ranges: readonly FileRange[], size: number): FileRange[] {
  const gaps: FileRange[] = [];
  let at = 0;
  for (const { start, end } of ranges) {
    if (start > at) gaps.push({ start: at, end: Math.min(start, size) });
    at = Math.max(at, end);
    if (at >= size) return gaps.filter((gap) => gap.end > gap.start);
  }
  if (at < size) gaps.push({ start: at, end: size });
  return gaps;
}
