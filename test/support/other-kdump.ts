/**
 * A second reader of kdump-compressed files, for tests only. It shares nothing with src/, is slow and plain, and takes
 * every header field at its word, so that a test sees what is in the file and not what our own reader makes of it.
 */
import { closeSync, openSync } from "node:fs";
import { fileWindow } from "./file-window.js";
import { decodePage } from "./other-codecs.js";

/** The header and sub header of a kdump-compressed file. */
export interface KdumpFacts {
  readonly littleEndian: boolean;
  /** 8 for 64-bit layouts, 4 for 32-bit ones. */
  readonly wordSize: 4 | 8;
  readonly version: number;
  readonly sysname: string;
  readonly nodename: string;
  readonly release: string;
  readonly utsVersion: string;
  readonly machine: string;
  readonly domainname: string;
  readonly seconds: bigint;
  readonly microseconds: bigint;
  readonly status: number;
  readonly blockSize: number;
  readonly subHeaderBlocks: number;
  readonly bitmapBlocks: number;
  readonly maxPfn: number;
  /** What bit 0 stands for: on 32-bit ARM the start of memory (but in QEMU's files, which say nothing of it). */
  readonly firstPfn: number;
  readonly cpus: number;
  readonly physBase: bigint;
  readonly dumpLevel: number;
  readonly split: number;
  readonly startPfn: number;
  readonly endPfn: number;
  readonly vmcoreinfo: Buffer;
  readonly notes: Buffer;
}

/** One page descriptor. */
export interface PageDescriptor {
  readonly offset: number;
  readonly size: number;
  readonly flags: number;
  readonly pageFlags: bigint;
}

/** An open kdump-compressed file. */
export interface Kdump {
  readonly facts: KdumpFacts;
  /** Pages that are memory. */
  readonly bitmap1: Uint8Array;
  /** Pages that are in the file. */
  readonly bitmap2: Uint8Array;
  /** File offset of the first page descriptor. */
  readonly descriptorsAt: number;
  /** The descriptor of a kept page, by its place among the kept pages. */
  descriptor(index: number): PageDescriptor;
  /** The decoded bytes behind a descriptor. */
  content(descriptor: PageDescriptor): Buffer;
  close(): void;
}

/** Offsets of the fields behind the utsname, and of the sub header, in the three layouts that exist. */
const layouts = {
  wide: { word: 8, time: 408, status: 424, sub: [0, 8, 12, 16, 24, 32, 40, 48, 56, 80, 88, 96] },
  packed: { word: 4, time: 404, status: 412, sub: [0, 4, 8, 12, 16, 20, 28, 32, 40, 56, 64, 72] },
  padded: { word: 4, time: 404, status: 412, sub: [0, 4, 8, 12, 16, 24, 32, 40, 48, 72, 80, 88] },
} as const;

type Layout = (typeof layouts)[keyof typeof layouts];

/** Opens a kdump-compressed file (not a flattened one). Split files of a set are opened one by one. */
export function openKdump(path: string): Kdump {
  const fd = openSync(path, "r");
  try {
    return readHeaders(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function readHeaders(fd: number): Kdump {
  const at = fileWindow(fd);
  const head = at(0, 464);
  if (head.toString("latin1", 0, 8) !== "KDUMP   ") {
    throw new Error(`not a kdump-compressed file: it starts with ${JSON.stringify(head.toString("latin1", 0, 8))}`);
  }
  const { layout, little } = findLayout(head, at);
  const read = reader(head, little);
  const blockSize = read.u32(layout.status + 4);
  const subBytes = at(blockSize, 104);
  const sub = reader(subBytes, little);
  const [physBase, level, split, start32, end32, infoAt, infoSize, noteAt, noteSize, start, end, max] = layout.sub;
  const version = read.u32(8);
  const uts = (index: number): string => {
    const field = head.subarray(12 + 65 * index, 12 + 65 * (index + 1));
    return field.toString("latin1", 0, field.indexOf(0));
  };
  const wide = version >= 6;
  const maxPfn = wide ? Number(sub.word(max, 8)) : read.u32(layout.status + 16);
  const facts: KdumpFacts = {
    littleEndian: little,
    wordSize: layout.word,
    version,
    sysname: uts(0),
    nodename: uts(1),
    release: uts(2),
    utsVersion: uts(3),
    machine: uts(4),
    domainname: uts(5),
    seconds: read.word(layout.time, layout.word),
    microseconds: read.word(layout.time + layout.word, layout.word),
    status: read.u32(layout.status),
    blockSize,
    subHeaderBlocks: read.u32(layout.status + 8),
    bitmapBlocks: read.u32(layout.status + 12),
    maxPfn,
    firstPfn: 0,
    cpus: read.u32(layout.status + 36),
    physBase: sub.word(physBase, layout.word),
    dumpLevel: sub.u32(level),
    split: version >= 2 ? sub.u32(split) : 0,
    startPfn: version >= 2 ? Number(wide ? sub.word(start, 8) : sub.word(start32, layout.word)) : 0,
    endPfn: version >= 2 ? Number(wide ? sub.word(end, 8) : sub.word(end32, layout.word)) : 0,
    vmcoreinfo:
      version >= 3 ? at(Number(sub.word(infoAt, 8)), Number(sub.word(infoSize, layout.word))) : Buffer.alloc(0),
    notes: version >= 4 ? at(Number(sub.word(noteAt, 8)), Number(sub.word(noteSize, layout.word))) : Buffer.alloc(0),
  };
  const bitmapAt = (1 + facts.subHeaderBlocks) * blockSize;
  const half = (facts.bitmapBlocks / 2) * blockSize;
  const descriptorsAt = bitmapAt + facts.bitmapBlocks * blockSize;
  const bitmap1 = at(bitmapAt, half);
  return {
    facts: facts.machine.startsWith("arm") ? { ...facts, firstPfn: firstPfnOfArm(facts, bitmap1) } : facts,
    bitmap1,
    bitmap2: at(bitmapAt + half, half),
    descriptorsAt,
    descriptor(index) {
      const fields = reader(at(descriptorsAt + 24 * index, 24), little);
      return {
        offset: Number(fields.word(0, 8)),
        size: fields.u32(8),
        flags: fields.u32(12),
        pageFlags: fields.word(16, 8),
      };
    },
    content: (descriptor) => decodePage(at(descriptor.offset, descriptor.size), descriptor.flags, blockSize),
    close: () => closeSync(fd),
  };
}

/** No page is below the start of memory: where one seems to be, numbers count from there. */
function firstPfnOfArm({ physBase, blockSize, wordSize }: KdumpFacts, bitmap1: Uint8Array): number {
  const start = wordSize === 4 ? Number(physBase) / blockSize : 0;
  return bitmap1.subarray(0, start / 8).some((byte) => byte !== 0) ? start : 0;
}

/** No field states byte order or word size: the layout whose numbers make sense is the one (as libkdumpfile does it). */
function findLayout(head: Buffer, at: (offset: number, length: number) => Buffer): { layout: Layout; little: boolean } {
  for (const little of [true, false]) {
    for (const layout of [layouts.wide, layouts.packed]) {
      const read = reader(head, little);
      const block = read.u32(layout.status + 4);
      const bits = 8 * read.u32(layout.status + 12) * block;
      const max = read.u32(layout.status + 16);
      if (block < 4096 || block > 1 << 18 || (block & (block - 1)) !== 0 || bits === 0 || bits < max) {
        continue;
      }
      if (layout.word === 8) {
        return { layout, little };
      }
      // 32-bit: i386 packs the sub header, other machines align its 64-bit fields. VMCOREINFO lies behind the header.
      const info = Number(reader(at(block, 104), little).word(layouts.packed.sub[5], 8));
      const packed = info > block && info < block * (1 + read.u32(layout.status + 8));
      return { layout: packed ? layouts.packed : layouts.padded, little };
    }
  }
  throw new Error("the header makes sense in no byte order and word size");
}

function reader(bytes: Buffer, little: boolean) {
  return {
    u32: (offset: number): number => (little ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset)),
    word: (offset: number, size: 4 | 8): bigint => {
      if (size === 4) {
        return BigInt(little ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset));
      }
      return little ? bytes.readBigUInt64LE(offset) : bytes.readBigUInt64BE(offset);
    },
  };
}
