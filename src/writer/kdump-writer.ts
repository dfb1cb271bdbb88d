import { bytesAt, countBits, type PageBitmap } from "../reader/bitmap.js";
import {
  KDUMP_SIGNATURE,
  KDUMP32_PACKED,
  KDUMP32_PADDED,
  KDUMP64,
  type KdumpLayout,
  PAGE_DESC_SIZE,
  STATUS_INCOMPLETE,
  UTSNAME_OFFSET,
} from "../reader/kdump/layout.js";
import { factsOf } from "../reader/machine.js";
import { UTS_FIELD_SIZE } from "../reader/utsname.js";
import type { DumpFacts } from "./dump-facts.js";
import type { DumpWriter, EncodedPages, WrittenPart } from "./dump-writer.js";
import { describePages, placeOnce, placePages, zerosIn } from "./kdump-places.js";
import type { SharedPages } from "./shared-pages.js";
import type { Sink } from "./sink.js";
import type { SplitRange } from "./split-ranges.js";
import { structWriter } from "./struct-writer.js";

/** Which pages a kdump-compressed file describes. */
export interface KdumpPages {
  /** Pages that are memory of the machine: the first bitmap. */
  readonly exists: PageBitmap;
  /** Pages with a descriptor: the second bitmap. */
  readonly kept: PageBitmap;
}

/** Space is taken by zeros, so many at a time. */
const RESERVE_PIECE = 1 << 20;
/** Descriptors are written in pieces of this many bytes. */
const DESC_BUFFER = 2730 * PAGE_DESC_SIZE;

/**
 * Writes kdump-compressed files, header version 6: header, sub header with the notes, both bitmaps, one descriptor per
 * kept page, then page data. With level bit 1 all pages of zeros share one. `status` is the codec's bit. With
 * `shared` equal pages share their bytes. With `split` it is one file of a split set, of the pages in that range.
 */
export class KdumpWriter implements DumpWriter {
  readonly #sink: Sink;
  #facts: DumpFacts;
  readonly #pages: KdumpPages;
  readonly #status: number;
  readonly #layout: KdumpLayout;
  readonly #subHeaderBlocks: number;
  readonly #bitmapBlocks: number;
  readonly #desc = new Uint8Array(DESC_BUFFER);
  #descFill = 0;
  /** Where the pages are that are being added. */
  #offsets = new Float64Array(0);
  /** File offset of the next descriptors. */
  #descPosition: number;
  /** File offset of the next page's data. */
  #position: number;
  readonly #zeroPage: number;
  readonly #sharesZeros: boolean;
  readonly #shared: SharedPages | undefined;
  /** Pages whose data are in the file, and pages of zeros among them. */
  #pagesWritten = 0;
  #zeroPages = 0;
  readonly #descStart: number;
  readonly #dataStart: number;

  readonly #split: SplitRange | undefined;

  constructor(
    sink: Sink,
    facts: DumpFacts,
    pages: KdumpPages,
    status: number,
    shared?: SharedPages,
    split?: SplitRange,
  ) {
    this.#sink = sink;
    // Bits and counts are of the pages that the file numbers, from its first one on.
    this.#facts = { ...facts, maxMapnr: facts.maxMapnr - facts.firstPfn };
    this.#pages = pages;
    this.#status = status;
    this.#layout = layoutOf(facts);
    const { subHeader, bitmaps, bytes } = headOf(this.#facts);
    this.#subHeaderBlocks = subHeader;
    this.#bitmapBlocks = bitmaps;
    this.#descPosition = bytes;
    this.#position = this.#descPosition + countBits(pages.kept, facts.firstPfn, facts.maxMapnr) * PAGE_DESC_SIZE;
    this.#descStart = this.#descPosition;
    this.#dataStart = this.#position;
    this.#zeroPage = this.#position;
    this.#sharesZeros = (facts.dumpLevel & 1) !== 0;
    this.#shared = shared;
    this.#split = split;
  }

  async begin(): Promise<void> {
    const { pageSize } = this.#facts;
    this.#sink.ascendingFrom?.(this.#dataStart);
    // No page takes more than as it is.
    const pages = (this.#dataStart - this.#descStart) / PAGE_DESC_SIZE + 1;
    this.#sink.atMost?.(this.#dataStart + pages * this.#facts.pageSize + (this.#facts.eraseinfo?.length ?? 0));
    await this.#sink.write(this.#header(), 0);
    await this.#writeSubHeader(undefined);
    const bitmapBytes = (this.#bitmapBlocks / 2) * pageSize;
    const start = (1 + this.#subHeaderBlocks) * pageSize;
    await this.#writeBitmap(this.#pages.exists, start, bitmapBytes);
    await this.#writeBitmap(this.#pages.kept, start + bitmapBytes, bitmapBytes);
    if (this.#sharesZeros) {
      await this.#sink.write(new Uint8Array(pageSize), this.#position);
      this.#position += pageSize;
    }
  }

  async reserve(): Promise<void> {
    const zeros = new Uint8Array(Math.min(RESERVE_PIECE, this.#dataStart - this.#descStart));
    for (let at = this.#descStart; at < this.#dataStart; at += zeros.length) {
      await this.#sink.write(zeros.subarray(0, this.#dataStart - at), at);
    }
  }

  async add({ records, hashes, data }: EncodedPages): Promise<void> {
    if (this.#offsets.length < records.length) this.#offsets = new Float64Array(records.length);
    const offsets = this.#offsets;
    const position = this.#position;
    const end =
      this.#shared === undefined
        ? placePages(records, position, this.#zeroPage, offsets)
        : placeOnce(this.#shared, records, hashes, data, position, this.#zeroPage, offsets);
    for (let from = 0; from < records.length; ) {
      if (this.#descFill === DESC_BUFFER) await this.#flushDescriptors();
      const to = Math.min(records.length, from + (DESC_BUFFER - this.#descFill) / PAGE_DESC_SIZE);
      describePages(this.#desc, this.#descFill, records, offsets, from, to, this.#facts);
      this.#descFill += (to - from) * PAGE_DESC_SIZE;
      from = to;
    }
    if (end > position) await this.#sink.write(data.subarray(0, end - position), position);
    this.#position = end;
    this.#pagesWritten += records.length;
    this.#zeroPages += zerosIn(records);
  }

  /** Descriptors of pages whose data did not come into the file are those of an incomplete dump: offset 0, size 0. */
  async cutShort(): Promise<WrittenPart> {
    const end = this.#descStart + this.#pagesWritten * PAGE_DESC_SIZE;
    if (this.#descPosition > end) await this.#sink.write(new Uint8Array(this.#descPosition - end), end);
    else if (this.#descPosition < end) {
      const rest = this.#desc.subarray(0, end - this.#descPosition);
      await this.#sink.write(rest, this.#descPosition);
    }
    this.#facts = { ...this.#facts, incomplete: true };
    await this.#sink.write(this.#header(), 0);
    return { size: this.#position, pages: this.#pagesWritten, zeroPages: this.#zeroPages };
  }

  async end(): Promise<number> {
    await this.#flushDescriptors();
    const { eraseinfo } = this.#facts;
    if (eraseinfo !== undefined) {
      await this.#sink.write(eraseinfo, this.#position);
      await this.#writeSubHeader(this.#position);
      this.#position += eraseinfo.length;
    }
    return this.#position;
  }

  async #flushDescriptors(): Promise<void> {
    if (this.#descFill === 0) return;
    await this.#sink.write(this.#desc.subarray(0, this.#descFill), this.#descPosition);
    this.#descPosition += this.#descFill;
    this.#descFill = 0;
  }

  #header(): Uint8Array {
    const { machine, utsname, pageSize, maxMapnr, timestamp, cpus, incomplete } = this.#facts;
    const { header: at, word } = this.#layout;
    const out = structWriter(pageSize, machine.littleEndian, word);
    out.text(0, 9, KDUMP_SIGNATURE);
    out.u32(8, 6);
    const { sysname, nodename, release, version, machine: name, domainname } = utsname;
    [sysname, nodename, release, version, name, domainname].forEach((text, i) => {
      out.text(UTSNAME_OFFSET + i * UTS_FIELD_SIZE, UTS_FIELD_SIZE, text);
    });
    // tv_usec stays 0: in 64-bit files it lies where readers look for the block size of 32-bit ones.
    out.word(at.timestamp, timestamp);
    out.u32(at.status, this.#status | (incomplete ? STATUS_INCOMPLETE : 0));
    out.u32(at.blockSize, pageSize);
    out.u32(at.subHeaderBlocks, this.#subHeaderBlocks);
    out.u32(at.bitmapBlocks, this.#bitmapBlocks);
    out.u32(at.maxMapnr, Math.min(maxMapnr, 0xffff_ffff));
    out.u32(at.cpus, Math.max(1, cpus));
    return out.bytes;
  }

  /** Eraseinfo follows the page data, so its place is known only at the end. */
  async #writeSubHeader(eraseinfoAt: number | undefined): Promise<void> {
    const { machine, pageSize, maxMapnr, physBase, dumpLevel, noteArea, vmcoreinfo, eraseinfo } = this.#facts;
    const { sub: at, word } = this.#layout;
    const out = structWriter(this.#subHeaderBlocks * pageSize, machine.littleEndian, word);
    const notesAt = pageSize + at.size;
    out.word(at.physBase, physBase);
    out.u32(at.dumpLevel, dumpLevel);
    if (this.#split !== undefined) {
      const { startPfn, endPfn } = this.#split;
      const largest = word === 8 ? Number.MAX_SAFE_INTEGER : 0xffff_ffff;
      out.u32(at.split, 1);
      out.word(at.startPfn, Math.min(startPfn, largest));
      out.word(at.endPfn, Math.min(endPfn, largest));
      out.u64(at.startPfn64, startPfn);
      out.u64(at.endPfn64, endPfn);
    }
    if (vmcoreinfo !== undefined) {
      out.u64(at.offsetVmcoreinfo, notesAt + vmcoreinfo.offset);
      out.word(at.sizeVmcoreinfo, vmcoreinfo.size);
    }
    if (noteArea.length > 0) {
      out.u64(at.offsetNote, notesAt);
      out.word(at.sizeNote, noteArea.length);
    }
    if (eraseinfo !== undefined && eraseinfoAt !== undefined) {
      out.u64(at.offsetEraseinfo, eraseinfoAt);
      out.word(at.sizeEraseinfo, eraseinfo.length);
    }
    out.u64(at.maxMapnr64, maxMapnr);
    out.bytes.set(noteArea, at.size);
    await this.#sink.write(out.bytes, pageSize);
  }

  /** What lies between the stretches is not written: a hole in the file. */
  async #writeBitmap(bitmap: PageBitmap, offset: number, length: number): Promise<void> {
    const { firstPfn, maxMapnr } = this.#facts;
    const used = Math.ceil(maxMapnr / 8);
    const { count, start: starts, end: ends } = bitmap.stretches;
    for (let i = 0; i < count; i++) {
      const start = Math.max(firstPfn, starts[i] as number);
      const at = (start - firstPfn) / 8;
      const bytes = bytesAt(bitmap, start, ends[i] as number)?.subarray(0, used - at);
      if (bytes === undefined || bytes.length === 0) continue;
      if (at + bytes.length < used) {
        await this.#sink.write(bytes, offset + at);
        continue;
      }
      const last = new Uint8Array(length - used + 1);
      last[0] = (bytes.at(-1) as number) & (maxMapnr % 8 === 0 ? 0xff : (1 << (maxMapnr % 8)) - 1);
      await this.#sink.write(bytes.subarray(0, -1), offset + at);
      await this.#sink.write(last, offset + used - 1);
    }
  }
}

/** Bytes in front of a file's page descriptors. */
export function headBytes(facts: DumpFacts): number {
  return headOf({ ...facts, maxMapnr: facts.maxMapnr - facts.firstPfn }).bytes;
}

/** Blocks of the sub header with its notes, of both bitmaps, and the bytes of all of it with the header. */
function headOf(facts: DumpFacts): { subHeader: number; bitmaps: number; bytes: number } {
  const { pageSize, maxMapnr, noteArea } = facts;
  const subHeader = Math.ceil((layoutOf(facts).sub.size + noteArea.length) / pageSize);
  const bitmaps = 2 * Math.ceil(Math.ceil(maxMapnr / 8) / pageSize);
  return { subHeader, bitmaps, bytes: (1 + subHeader + bitmaps) * pageSize };
}

function layoutOf({ machine }: DumpFacts): KdumpLayout {
  if (machine.wordSize === 8) return KDUMP64;
  return factsOf(machine.arch).packsHeaders ? KDUMP32_PACKED : KDUMP32_PADDED;
}
