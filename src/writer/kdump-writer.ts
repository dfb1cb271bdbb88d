import type { PageBitmap } from "../reader/bitmap.js";
import { asPieces, type BitmapPieces, bitmapFrom } from "../reader/bitmap-pieces.js";
import { PAGE_DESC_SIZE } from "../reader/kdump/layout.js";
import type { DumpFacts } from "./dump-facts.js";
import type { DumpWriter, EncodedPages, WrittenPart } from "./dump-writer.js";
import { kdumpHeader, kdumpSubHeader } from "./kdump-head.js";
import { descriptorAt, type KdumpLayout } from "./kdump-layout.js";
import { describePages, placeOnce, placePages, zerosIn } from "./kdump-places.js";
import type { SharedPages } from "./shared-pages.js";
import type { Sink } from "./sink.js";
import type { SplitRange } from "./split-ranges.js";

/** Which pages a kdump-compressed file describes. */
export interface KdumpPages {
  /** Pages that are memory of the machine: the first bitmap. */
  readonly exists: PageBitmap | BitmapPieces;
  /** Pages with a descriptor: the second bitmap. */
  readonly kept: PageBitmap | BitmapPieces;
}

/** The same with the second bitmap as a whole: a layout is made from it. */
export interface PagesInMemory extends KdumpPages {
  readonly kept: PageBitmap;
}

/**
 * Zeros for space that is reserved, and bitmaps, are written this many bytes at a time. A store gets parts with bytes of a write at the beginning of the file last, and they are in memory
 * until then: of a bitmap written at once all.
 */
const PIECE = 1 << 20;
/** Descriptors are written in pieces of this many bytes. */
const DESC_BUFFER = 2730 * PAGE_DESC_SIZE;

/** Variants of a file with the same layout and pages. */
export interface KdumpWriterOptions {
  /** Present if equal pages share their bytes. */
  readonly shared?: SharedPages | undefined;
  /** Present if it is one file of a split set: its range of pages. */
  readonly split?: SplitRange | undefined;
}

/** Writes kdump-compressed files according to their layout. With level bit 1 all pages of zeros share one. */
export class KdumpWriter implements DumpWriter {
  #facts: DumpFacts;
  readonly #status: number;
  readonly #desc = new Uint8Array(DESC_BUFFER);
  #descFill = 0;
  /** File offsets of the pages that are being added. */
  #offsets = new Float64Array(0);
  /** File offset of the next descriptors. */
  #descPosition: number;
  /** File offset of the next page's data. */
  #position: number;
  readonly #shared: SharedPages | undefined;
  /** Number of pages whose data are in the file, and of pages of zeros among them. */
  #pagesWritten = 0;
  #zeroPages = 0;

  readonly #split: SplitRange | undefined;

  /** `status` is the codec's bit. */
  constructor(
    private readonly sink: Sink,
    private readonly layout: KdumpLayout,
    { facts, status }: { readonly facts: DumpFacts; readonly status: number },
    /** Until the bitmaps are written: they are large. */
    private pages: KdumpPages | undefined,
    { shared, split }: KdumpWriterOptions = {},
  ) {
    this.#facts = facts;
    this.#status = status;
    this.#descPosition = layout.descriptorsAt;
    this.#position = layout.pagesAt;
    this.#shared = shared;
    this.#split = split;
  }

  async begin(): Promise<void> {
    const { blockSize, existsAt, keptAt, dataAt, zeroPageAt, mostBytes } = this.layout;
    this.sink.ascendingFrom?.(dataAt);
    this.sink.atMost?.(mostBytes);
    await this.#writeHeader();
    await this.#writeSubHeader(undefined);
    const { exists, kept } = this.pages as KdumpPages;
    this.pages = undefined;
    await this.#writeBitmap(exists, existsAt);
    await this.#writeBitmap(kept, keptAt);
    if (zeroPageAt !== undefined) await this.sink.write(new Uint8Array(blockSize), zeroPageAt);
  }

  async reserve(): Promise<void> {
    const { descriptorsAt, dataAt } = this.layout;
    const zeros = new Uint8Array(Math.min(PIECE, dataAt - descriptorsAt));
    for (let at = descriptorsAt; at < dataAt; at += zeros.length) {
      await this.sink.write(zeros.subarray(0, dataAt - at), at);
    }
  }

  async add(pages: EncodedPages): Promise<void> {
    const { records, data } = pages;
    if (this.#offsets.length < records.length) this.#offsets = new Float64Array(records.length);
    const offsets = this.#offsets;
    const position = this.#position;
    // If pages of zeros have their own bytes, no record is a ZERO_PAGE, so this place is not used.
    const start = { position, zeroPage: this.layout.zeroPageAt ?? 0 };
    const end =
      this.#shared === undefined ? placePages(records, start, offsets) : placeOnce(this.#shared, pages, start, offsets);
    for (let from = 0; from < records.length; ) {
      if (this.#descFill === DESC_BUFFER) await this.#flushDescriptors();
      const to = Math.min(records.length, from + (DESC_BUFFER - this.#descFill) / PAGE_DESC_SIZE);
      const out = this.#desc.subarray(this.#descFill);
      describePages(out, records.subarray(from, to), offsets.subarray(from, to), this.#facts);
      this.#descFill += (to - from) * PAGE_DESC_SIZE;
      from = to;
    }
    if (end > position) await this.sink.write(data.subarray(0, end - position), position);
    this.#position = end;
    this.#pagesWritten += records.length;
    this.#zeroPages += zerosIn(records);
  }

  /** Pages whose data did not get into the file have the descriptors of an incomplete dump: offset 0, size 0. */
  async cutShort(): Promise<WrittenPart> {
    const end = descriptorAt(this.layout, this.#pagesWritten);
    if (this.#descPosition > end) await this.sink.write(new Uint8Array(this.#descPosition - end), end);
    else if (this.#descPosition < end) {
      const rest = this.#desc.subarray(0, end - this.#descPosition);
      await this.sink.write(rest, this.#descPosition);
    }
    this.#facts = { ...this.#facts, incomplete: true };
    await this.#writeHeader();
    return { size: this.#position, pages: this.#pagesWritten, zeroPages: this.#zeroPages };
  }

  async end(): Promise<number> {
    await this.#flushDescriptors();
    const { eraseinfo } = this.#facts;
    if (eraseinfo !== undefined) {
      await this.sink.write(eraseinfo, this.#position);
      await this.#writeSubHeader(this.#position);
      this.#position += eraseinfo.length;
    }
    return this.#position;
  }

  async #flushDescriptors(): Promise<void> {
    if (this.#descFill === 0) return;
    await this.sink.write(this.#desc.subarray(0, this.#descFill), this.#descPosition);
    this.#descPosition += this.#descFill;
    this.#descFill = 0;
  }

  async #writeHeader(): Promise<void> {
    await this.sink.write(kdumpHeader(this.layout, this.#facts, this.#status), 0);
  }

  async #writeSubHeader(eraseinfoAt: number | undefined): Promise<void> {
    const bytes = kdumpSubHeader(this.layout, this.#facts, { split: this.#split, eraseinfoAt });
    await this.sink.write(bytes, this.layout.blockSize);
  }

  /** Gaps between stretches are not written: they are holes in the file. */
  async #writeBitmap(bitmap: PageBitmap | BitmapPieces, offset: number): Promise<void> {
    const { firstPfn, bits, existsAt, keptAt } = this.layout;
    const length = keptAt - existsAt;
    const used = Math.ceil(bits / 8);
    for await (const { pfn, bytes: all } of bitmapFrom(firstPfn, "pieces" in bitmap ? bitmap : asPieces(bitmap))) {
      const at = (pfn - firstPfn) / 8;
      if (at >= used) continue;
      const bytes = all.subarray(0, used - at);
      const reachesEnd = at + bytes.length >= used;
      const end = reachesEnd ? bytes.length - 1 : bytes.length;
      for (let from = 0; from < end; from += PIECE) {
        await this.sink.write(bytes.subarray(from, Math.min(end, from + PIECE)), offset + at + from);
      }
      if (!reachesEnd) continue;
      const last = new Uint8Array(length - used + 1);
      last[0] = (bytes.at(-1) as number) & (bits % 8 === 0 ? 0xff : (1 << (bits % 8)) - 1);
      await this.sink.write(last, offset + used - 1);
    }
  }
}
