import { zlib } from "../../codec/node-zlib.js";
import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import { type Extents, findExtent, type Piece, toExtents } from "../extents.js";
import { nextAddress, setExtentBits } from "../extents-memory.js";
import type { PageBitmaps, PhysicalMemory } from "../physical-memory.js";
import { type ByteSource, readExactly, readInto } from "../source/byte-source.js";
import { ReadWindow } from "../source/read-window.js";
import { attachSource, bytesHeld } from "../source/source-image.js";
import { tolerantMemory } from "../tolerant-memory.js";
import { type PagedImage, RECORD_HEAD } from "./image.js";
import { ENTRY, entryAt, NOT_LISTED, nextListed, nextStored, nextUnlisted, ZERO_ENTRY } from "./page-index.js";

/** Bytes before the data of a change: a flag and the length. */
const CHANGE_HEADER = 3;

/** Physical memory by an index of pages. Reading throws `TRUNCATED` and `CORRUPT`. */
function indexedMemory(
  source: ByteSource,
  { memory, index, unit, unlistedAreZero, records }: Omit<PagedImage, "kind" | "source">,
): PhysicalMemory {
  const pages = new PageReader(source, index.changes, unit, records);
  // Reads mostly ascend.
  let hint = 0;
  const pieceAt = (address: number): number | undefined => {
    const fits = (i: number) =>
      i < memory.count && address >= (memory.start[i] as number) && address < (memory.end[i] as number);
    if (fits(hint)) return hint;
    const found = findExtent(memory, address);
    if (!fits(found)) return undefined;
    hint = found;
    return found;
  };
  /** The address of the first page from `paddr` on that `nextPage` finds. */
  const addressOf = (paddr: number, nextPage: typeof nextListed): number => {
    let address = nextAddress(memory, paddr);
    for (let i = findExtent(memory, address); i < memory.count; i++) {
      const start = memory.start[i] as number;
      const from = Math.max(address, start) - start + (memory.source[i] as number);
      const last = ((memory.source[i] as number) + (memory.end[i] as number) - start) / unit;
      const page = nextPage(index, Math.floor(from / unit), last);
      if (page < last) return Math.max(from, page * unit) - (memory.source[i] as number) + start;
      address = memory.end[i] as number;
    }
    return Number.POSITIVE_INFINITY;
  };
  return {
    read(into, paddr) {
      let done = 0;
      while (done < into.length) {
        const piece = pieceAt(paddr + done);
        if (piece === undefined) return done;
        const place = paddr + done - (memory.start[piece] as number) + (memory.source[piece] as number);
        const left = (memory.end[piece] as number) - (paddr + done);
        const within = place % unit;
        const n = Math.min(into.length - done, left, unit - within);
        const entry = entryAt(index, Math.floor(place / unit));
        if (entry === NOT_LISTED && !unlistedAreZero) return done;
        pages.copy(into.subarray(done, done + n), entry, within);
        done += n;
      }
      return done;
    },
    next: (paddr) => (unlistedAreZero ? nextAddress(memory, paddr) : addressOf(paddr, nextListed)),
    nextStored: (paddr) => addressOf(paddr, nextStored),
  };
}

/** Bytes that a window reads at once. */
const MOST_AT_ONCE = 1 << 16;
/** Pages with more changes than these are kept once they are made: each read would make them again. */
const MANY_CHANGES = 8;
/** The most bytes of them in each thread. */
const MOST_KEPT = 64 * 2 ** 20;

/** Reads pages by their entries. */
class PageReader {
  /** Pages with many changes, by their entries. */
  readonly #kept = new Map<number, Uint8Array>();
  readonly #page: Uint8Array;
  /** Packed pages that follow each other are read together. */
  readonly #window: ReadWindow;
  /** The entry of the page in `#page`: several struct pages of one page are read in turn. */
  #held = NOT_LISTED;

  constructor(
    private readonly source: ByteSource,
    private readonly changes: Float64Array,
    unit: number,
    private readonly records: PagedImage["records"],
  ) {
    this.#page = new Uint8Array(unit);
    this.#window = new ReadWindow(source);
  }

  /** Copies bytes of a page, from byte `within` on. */
  copy(into: Uint8Array, entry: number, within: number): void {
    const place = Math.floor(entry / 4);
    const kind = entry % 4;
    if (entry === NOT_LISTED || entry === ZERO_ENTRY) into.fill(0);
    else if (kind === ENTRY.fill) into.fill(place);
    else if (kind === ENTRY.plain) readInto(this.source, into, place + within, "page data");
    else {
      if (this.#held !== entry) {
        this.#held = NOT_LISTED;
        if (kind === ENTRY.zlib) this.#unpack(place);
        else this.#applyChanges(entry);
        this.#held = entry;
      }
      into.set(this.#page.subarray(within, within + into.length));
    }
  }

  #unpack(place: number): void {
    const size = this.records === undefined ? 4 : RECORD_HEAD;
    // The index has checked that it is not much longer than a page.
    const head = this.#window.read(place, size, "length of a compressed page");
    const length = new DataView(head.buffer, head.byteOffset).getUint32(
      size === 4 ? 0 : 8,
      this.records?.littleEndian ?? false,
    );
    const packed =
      length <= MOST_AT_ONCE
        ? this.#window.read(place + size, length, "compressed page")
        : readExactly(this.source, place + size, length, "compressed page");
    if (this.records?.isRle !== true) this.#inflate(packed, place);
    else if (!unpackRle(packed, this.#page)) throw this.#damaged(place, "a page whose run lengths do not fill it");
  }

  #inflate(packed: Uint8Array, place: number): void {
    let page: Uint8Array;
    try {
      page = zlib().inflateSync(packed, { maxOutputLength: this.#page.length });
    } catch (error) {
      throw this.#damaged(place, "a compressed page that is not a zlib stream of a page", error);
    }
    if (page.length !== this.#page.length) {
      throw this.#damaged(place, `a compressed page of ${page.length} bytes instead of ${this.#page.length}`);
    }
    this.#page.set(page);
  }

  /**
   * Reads the page as it was before all changes, and applies the changes in their order. The index has limited their
   * number.
   */
  #applyChanges(entry: number): void {
    const kept = this.#kept.get(entry);
    if (kept !== undefined) {
      this.#page.set(kept);
      return;
    }
    const places: number[] = [];
    let at = entry;
    for (; at % 4 === ENTRY.change && at !== NOT_LISTED; ) {
      const change = Math.floor(at / 4) * 3;
      places.push(this.changes[change] as number);
      at = this.changes[change + 1] as number;
    }
    this.copyBase(at);
    for (const place of places.reverse()) {
      const head = readExactly(this.source, place, CHANGE_HEADER, "head of a changed page");
      const length = new DataView(head.buffer).getUint16(1);
      const data = readExactly(this.source, place + CHANGE_HEADER, length, "changed page");
      if (!applyXbzrle(data, this.#page))
        throw this.#damaged(place, "a changed page (XBZRLE) that goes beyond its page");
    }
    if (places.length > MANY_CHANGES && (this.#kept.size + 1) * this.#page.length <= MOST_KEPT)
      this.#kept.set(entry, this.#page.slice());
  }

  /** Reads a page that is not a change into `#page`. */
  copyBase(entry: number): void {
    if (entry % 4 === ENTRY.zlib) this.#unpack(Math.floor(entry / 4));
    else this.copy(this.#page, entry, 0);
  }

  #damaged(offset: number, what: string, cause?: unknown): DumpError {
    return new DumpError("CORRUPT", `has ${what}`, {
      file: this.source.name,
      offset,
      cure: `Make the file again, or use ${OPTION.salvage} for its other pages`,
      cause,
    });
  }
}

/** Physical memory of a file that stores pages one by one. */
export function pagedMemory(image: PagedImage): PhysicalMemory {
  const memory = { ...indexedMemory(attachSource(image.source), image), held: bytesHeld(image.source) };
  return image.tolerant ? tolerantMemory(memory, image.pageSize) : memory;
}

/** Sets the bits of the pages that exist and of those that have data. */
export function pagedBitmaps(image: PagedImage, { exists, data }: PageBitmaps): void {
  if (exists !== undefined) setExtentBits(image.memory, image.pageSize, exists);
  setExtentBits(image.unlistedAreZero ? image.memory : listedExtents(image), image.pageSize, data);
}

/** The pieces of memory whose pages an index lists, for a file that is cut off. */
export function listedExtents({ memory, index, unit }: Pick<PagedImage, "memory" | "index" | "unit">): Extents {
  const pieces: Piece[] = [];
  for (let i = 0; i < memory.count; i++) {
    const [start, end, source] = [memory.start[i] as number, memory.end[i] as number, memory.source[i] as number];
    const last = (source + end - start) / unit;
    for (let page = nextListed(index, source / unit, last); page < last; ) {
      const behind = nextUnlisted(index, page, last);
      const first = start + page * unit - source;
      pieces.push({ start: first, end: start + behind * unit - source, source: page * unit });
      page = nextListed(index, behind, last);
    }
  }
  return toExtents(pieces);
}

/**
 * Unpacks LKCD's run lengths: a byte 0 is followed by a count and the byte that is repeated; a count of 0 stands for
 * one byte 0. Any other byte stands for itself. Returns false for data that do not fill the page exactly.
 */
export function unpackRle(packed: Uint8Array, page: Uint8Array): boolean {
  let to = 0;
  for (let from = 0; from < packed.length; ) {
    const byte = packed[from++] as number;
    const count = byte === 0 ? packed[from++] : 1;
    if (count === undefined) return false;
    if (byte !== 0 || count === 0) {
      if (to === page.length) return false;
      page[to++] = byte;
      continue;
    }
    const value = packed[from++];
    if (value === undefined || to + count > page.length) return false;
    page.fill(value, to, to + count);
    to += count;
  }
  return to === page.length;
}

/**
 * Changes a page by QEMU's XBZRLE data: pairs of two lengths in LEB128, of bytes that stay and of new bytes, followed
 * by the new bytes (docs/devel/migration of QEMU). Returns false if they reach beyond the page or end within a pair.
 */
function applyXbzrle(data: Uint8Array, page: Uint8Array): boolean {
  let at = 0;
  let to = 0;
  /**
   * Reads a length of at most two bytes of LEB128, 14 bits: QEMU's pages have at most 64 KiB, and it does not pack
   * pages with longer runs.
   */
  const length = (): number => {
    let value = 0;
    for (let shift = 0; shift < 21; shift += 7) {
      const byte = data[at++];
      if (byte === undefined) return Number.NaN;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < data.length) {
    to += length();
    // The last pair may have no new bytes.
    if (at === data.length) return to <= page.length;
    const n = length();
    if (!(to + n <= page.length && at + n <= data.length)) return false;
    page.set(data.subarray(at, at + n), to);
    at += n;
    to += n;
  }
  return true;
}
