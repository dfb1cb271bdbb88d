/** kdump-compressed files: any version, word size, byte order and mix of codecs, tidy or malformed. */

import { asciiBytes, ByteBuffer, type ByteOrder, type Integer } from "./bytes.js";
import {
  DEFAULT_UTSNAME,
  type MainHeader,
  type SubHeader,
  type SubHeaderShape,
  subHeaderSize,
  type Utsname,
  writeMainHeader,
  writeSubHeader,
} from "./kdump-header.js";
import { encodeNotes, findNoteDesc, type Note, vmcoreinfoNote } from "./notes.js";
import { CODEC_FLAGS, compressPage, type PageCodec } from "./page-codecs.js";

/** One page descriptor. */
export interface Descriptor {
  readonly offset: Integer;
  readonly size: Integer;
  readonly flags: Integer;
  readonly pageFlags: Integer;
}

/** A dumped page. */
export interface KdumpPage {
  /** Content, one block; not needed for "zero". */
  readonly data?: Uint8Array;
  /** "zero" points to the shared zero page. A page which its codec does not shrink is stored raw, as always. */
  readonly codec: PageCodec | "zero";
  /** Bytes to store instead of the compressed data; the flags still come from `codec`. */
  readonly stored?: Uint8Array;
  /** Values that replace those in the descriptor. */
  readonly descriptor?: Partial<Descriptor>;
}

export interface KdumpOptions {
  /** 1 to 6; default 6. */
  readonly version?: number;
  readonly wordSize?: 4 | 8;
  /** With word size 4: 64-bit members aligned to 4 (i386, QEMU) instead of 8. */
  readonly packed32?: boolean;
  readonly byteOrder?: ByteOrder;
  readonly blockSize?: number;
  /** Default: a complete Linux x86_64 utsname. `{ machine }` alone gives what QEMU writes. */
  readonly utsname?: Partial<Utsname>;
  /** Seconds. */
  readonly timestamp?: Integer;
  /** Default: the flags of all codecs used. */
  readonly status?: number;
  /** Default 1 if there is a zero page, else 0. */
  readonly dumpLevel?: number;
  readonly physBase?: Integer;
  readonly nrCpus?: number;
  /** ELF notes (version 4 and later). The range of VMCOREINFO is taken from here. */
  readonly notes?: readonly Note[];
  /** Text; appended to the notes if they have none, and all by itself in version 3. */
  readonly vmcoreinfo?: string;
  readonly eraseinfo?: string;
  /** Default: last pfn named anywhere + 1. */
  readonly maxMapnr?: number;
  readonly pages: ReadonlyMap<number, KdumpPage>;
  /** pfns that exist but are not dumped: bitmap 1 only. */
  readonly excluded?: Iterable<number>;
  /** Makes one file of a split set: whole bitmaps, but descriptors and data of [startPfn, endPfn) only. */
  readonly split?: { readonly startPfn: number; readonly endPfn: number };
  /** Leave out the first bitmap, as very old files do. */
  readonly singleBitmap?: boolean;
  /** Store page data in this order of pfns (a permutation) instead of ascending. */
  readonly dataOrder?: readonly number[];
  readonly header?: Partial<MainHeader>;
  readonly subHeader?: Partial<SubHeader>;
  readonly truncateTo?: number;
}

const DESCRIPTOR_SIZE = 24;

/** Builds one file. */
export function buildKdump(options: KdumpOptions): Uint8Array {
  const version = options.version ?? 6;
  const wordSize = options.wordSize ?? 8;
  const shape: SubHeaderShape = wordSize === 8 ? "64" : options.packed32 ? "32-packed" : "32-padded";
  const block = options.blockSize ?? 4096;
  const out = new ByteBuffer(options.byteOrder ?? "little", 1 << 16);

  const noteStart = block + subHeaderSize(shape);
  const notes = layOutNotes(options, version, out.byteOrder, noteStart);
  const subHeaderBlocks = Math.ceil((subHeaderSize(shape) + notes.bytes.length) / block);

  const pfns = [...options.pages.keys()].sort((a, b) => a - b);
  const excluded = [...(options.excluded ?? [])];
  const maxMapnr = options.maxMapnr ?? excluded.reduce((last, pfn) => Math.max(last, pfn), pfns.at(-1) ?? -1) + 1;
  const bitmapSize = Math.ceil(Math.ceil(maxMapnr / 8) / block) * block;
  const bitmapBlocks = ((options.singleBitmap ? 1 : 2) * bitmapSize) / block;

  const bitmapStart = (1 + subHeaderBlocks) * block;
  const descriptorStart = bitmapStart + bitmapBlocks * block;
  const dataStart = descriptorStart + pfns.length * DESCRIPTOR_SIZE;
  if (notes.bytes.length > 0) {
    out.seek(noteStart).bytes(notes.bytes);
  }
  out.seek(bitmapStart);
  if (!options.singleBitmap) {
    out.bytes(bitmap([...pfns, ...excluded], bitmapSize));
  }
  out.bytes(bitmap(pfns, bitmapSize));
  out.seek(descriptorStart).skip(pfns.length * DESCRIPTOR_SIZE);

  const { startPfn, endPfn } = options.split ?? { startPfn: 0, endPfn: 0 };
  const own = options.split ? pfns.filter((pfn) => pfn >= startPfn && pfn < endPfn) : pfns;
  const used = writePages(out, options, own, { block, descriptorStart, dataStart });

  let eraseOffset = 0;
  const erase = asciiBytes(options.eraseinfo ?? "");
  if (erase.length > 0) {
    eraseOffset = out.length;
    out.seek(eraseOffset).bytes(erase);
  }
  const splitFlag = options.split ? 1 : 0;
  out.seek(block);
  writeSubHeader(out, shape, version, {
    physBase: options.physBase ?? 0,
    dumpLevel: options.dumpLevel ?? (used.zeroPage ? 1 : 0),
    split: splitFlag,
    startPfn: Math.min(startPfn, wordSize === 4 ? 0xffff_ffff : Number.MAX_SAFE_INTEGER),
    endPfn: Math.min(endPfn, wordSize === 4 ? 0xffff_ffff : Number.MAX_SAFE_INTEGER),
    offsetVmcoreinfo: notes.vmcoreinfo?.offset ?? 0,
    sizeVmcoreinfo: notes.vmcoreinfo?.size ?? 0,
    offsetNote: version >= 4 && notes.bytes.length > 0 ? noteStart : 0,
    sizeNote: version >= 4 ? notes.bytes.length : 0,
    offsetEraseinfo: eraseOffset,
    sizeEraseinfo: erase.length,
    startPfn64: startPfn,
    endPfn64: endPfn,
    maxMapnr64: maxMapnr,
    ...options.subHeader,
  });
  const header: MainHeader = {
    signature: "KDUMP   ",
    version,
    timestampSeconds: options.timestamp ?? 0,
    timestampMicroseconds: 0,
    status: options.status ?? used.status,
    blockSize: block,
    subHeaderBlocks,
    bitmapBlocks,
    maxMapnr: Math.min(maxMapnr, 0xffff_ffff),
    totalRamBlocks: 0,
    deviceBlocks: 0,
    writtenBlocks: 0,
    currentCpu: 0,
    nrCpus: options.nrCpus ?? 1,
    ...options.header,
  };
  writeMainHeader(out, wordSize, header, options.utsname ?? DEFAULT_UTSNAME);
  const bytes = out.toBytes();
  return options.truncateTo === undefined ? bytes : bytes.slice(0, options.truncateTo);
}

/** The files of a split set: one per gap between the boundaries, e.g. [0, 64, 128] gives two. */
export function buildKdumpSplit(options: KdumpOptions, boundaries: readonly number[]): Uint8Array[] {
  return boundaries.slice(1).map((endPfn, index) => {
    return buildKdump({ ...options, split: { startPfn: boundaries[index] ?? 0, endPfn } });
  });
}

interface PlacedNotes {
  readonly bytes: Uint8Array;
  readonly vmcoreinfo: { readonly offset: number; readonly size: number } | undefined;
}

function layOutNotes(options: KdumpOptions, version: number, byteOrder: ByteOrder, start: number): PlacedNotes {
  const text = options.vmcoreinfo;
  if (version < 4) {
    if (version < 3 || text === undefined) {
      return { bytes: new Uint8Array(0), vmcoreinfo: undefined };
    }
    const bytes = asciiBytes(text);
    return { bytes, vmcoreinfo: { offset: start, size: bytes.length } };
  }
  const given = options.notes ?? [];
  const complete = text === undefined || findNoteDesc(given, "VMCOREINFO") !== undefined;
  const notes = complete ? given : [...given, vmcoreinfoNote(text)];
  const found = findNoteDesc(notes, "VMCOREINFO");
  return {
    bytes: encodeNotes(notes, byteOrder),
    vmcoreinfo: found && { offset: start + found.offset, size: found.size },
  };
}

/** One bit per pfn, least significant bit first in every byte order. */
function bitmap(pfns: readonly number[], size: number): Uint8Array {
  const bits = new Uint8Array(size);
  for (const pfn of pfns) {
    const at = Math.floor(pfn / 8);
    if (at < size) {
      bits[at] = (bits[at] ?? 0) | (1 << (pfn % 8));
    }
  }
  return bits;
}

interface Places {
  readonly block: number;
  readonly descriptorStart: number;
  readonly dataStart: number;
}

/** Writes data and descriptors of `own` (ascending); returns what the headers have to say about them. */
function writePages(
  out: ByteBuffer,
  options: KdumpOptions,
  own: readonly number[],
  places: Places,
): { status: number; zeroPage: boolean } {
  const zeroPage =
    options.dumpLevel === undefined
      ? [...options.pages.values()].some((page) => page.codec === "zero")
      : (options.dumpLevel & 1) === 1;
  let status = 0;
  out.seek(places.dataStart);
  if (zeroPage) {
    out.skip(places.block);
  }
  const descriptors = new Map<number, Descriptor>();
  const ownSet = new Set(own);
  for (const pfn of options.dataOrder?.filter((one) => ownSet.has(one)) ?? own) {
    const page = options.pages.get(pfn);
    if (page === undefined) {
      continue;
    }
    let made: Descriptor;
    if (page.codec === "zero") {
      made = { offset: places.dataStart, size: places.block, flags: 0, pageFlags: 0 };
    } else {
      const data = page.data ?? new Uint8Array(places.block);
      const packed = page.stored ?? compressPage(page.codec, data);
      const shrinks = page.stored !== undefined || packed.length < places.block;
      const stored = shrinks ? packed : data;
      const flags = shrinks ? CODEC_FLAGS[page.codec] : 0;
      status |= CODEC_FLAGS[page.codec];
      made = { offset: out.position, size: stored.length, flags, pageFlags: 0 };
      out.bytes(stored);
    }
    descriptors.set(pfn, { ...made, ...page.descriptor });
  }
  own.forEach((pfn, index) => {
    const descriptor = descriptors.get(pfn);
    if (descriptor !== undefined) {
      out.seek(places.descriptorStart + index * DESCRIPTOR_SIZE);
      out.u64(descriptor.offset).u32(descriptor.size).u32(descriptor.flags).u64(descriptor.pageFlags);
    }
  });
  return { status, zeroPage };
}
