import { zlib } from "../../codec/node-zlib.js";
import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import { findExtent } from "../extents.js";
import { nextAddress } from "../extents-memory.js";
import type { PhysicalMemory } from "../physical-memory.js";
import { type ByteSource, readExactly, readInto } from "../source/byte-source.js";
import { type PagedImage, RECORD_HEAD } from "./image.js";
import { ENTRY, entryAt, NOT_LISTED, nextListed, ZERO_ENTRY } from "./page-index.js";
import { unpackRle } from "./rle.js";
import { applyXbzrle } from "./xbzrle.js";

/** Bytes before the data of a change: a flag and the length. */
const CHANGE_HEADER = 3;

/** Physical memory by an index of pages. Reading throws `TRUNCATED` and `CORRUPT`. */
export function indexedMemory(
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
    next(paddr) {
      let address = nextAddress(memory, paddr);
      if (unlistedAreZero) return address;
      for (let i = findExtent(memory, address); i < memory.count; i++) {
        const start = memory.start[i] as number;
        const from = Math.max(address, start) - start + (memory.source[i] as number);
        const last = ((memory.source[i] as number) + (memory.end[i] as number) - start) / unit;
        const page = nextListed(index, Math.floor(from / unit), last);
        if (page < last) return Math.max(from, page * unit) - (memory.source[i] as number) + start;
        address = memory.end[i] as number;
      }
      return Number.POSITIVE_INFINITY;
    },
  };
}

/** Reads pages by their entries. */
class PageReader {
  readonly #source: ByteSource;
  readonly #changes: Float64Array;
  readonly #page: Uint8Array;
  readonly #records: PagedImage["records"];
  /** The entry of the page in `#page`: several struct pages of one page are read in turn. */
  #held = NOT_LISTED;

  constructor(source: ByteSource, changes: Float64Array, unit: number, records: PagedImage["records"]) {
    this.#records = records;
    this.#source = source;
    this.#changes = changes;
    this.#page = new Uint8Array(unit);
  }

  /** Copies bytes of a page, from byte `within` on. */
  copy(into: Uint8Array, entry: number, within: number): void {
    const place = Math.floor(entry / 4);
    const kind = entry % 4;
    if (entry === NOT_LISTED || entry === ZERO_ENTRY) into.fill(0);
    else if (kind === ENTRY.fill) into.fill(place);
    else if (kind === ENTRY.plain) readInto(this.#source, into, place + within, "page data");
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
    const size = this.#records === undefined ? 4 : RECORD_HEAD;
    const head = readExactly(this.#source, place, size, "length of a compressed page");
    const length = new DataView(head.buffer).getUint32(size === 4 ? 0 : 8, this.#records?.littleEndian ?? false);
    const packed = readExactly(this.#source, place + size, length, "compressed page");
    if (this.#records?.isRle !== true) this.#inflate(packed, place);
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
    const places: number[] = [];
    let at = entry;
    for (; at % 4 === ENTRY.change && at !== NOT_LISTED; ) {
      const change = Math.floor(at / 4) * 3;
      places.push(this.#changes[change] as number);
      at = this.#changes[change + 1] as number;
    }
    this.copyBase(at);
    for (const place of places.reverse()) {
      const head = readExactly(this.#source, place, CHANGE_HEADER, "head of a changed page");
      const length = new DataView(head.buffer).getUint16(1);
      const data = readExactly(this.#source, place + CHANGE_HEADER, length, "changed page");
      if (!applyXbzrle(data, this.#page))
        throw this.#damaged(place, "a changed page (XBZRLE) that goes beyond its page");
    }
  }

  /** Reads a page that is not a change into `#page`. */
  copyBase(entry: number): void {
    if (entry % 4 === ENTRY.zlib) this.#unpack(Math.floor(entry / 4));
    else this.copy(this.#page, entry, 0);
  }

  #damaged(offset: number, what: string, cause?: unknown): DumpError {
    return new DumpError("CORRUPT", `has ${what}`, {
      file: this.#source.name,
      offset,
      cure: `Make the file again, or use ${OPTION.salvage} for its other pages`,
      cause,
    });
  }
}
