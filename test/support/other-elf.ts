/**
 * A second reader of ELF dumps, for tests only; it shares nothing with src/. It honours e_phoff, both classes, both byte
 * orders and extended program header counts, and builds a page out of all the segments that have a part of it.
 */
import { closeSync, openSync } from "node:fs";
import { fileWindow } from "./file-window.js";

/** One program header. */
export interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly virtualAddress: bigint;
  readonly physicalAddress: number;
  readonly fileSize: number;
  readonly formatBytes: number;
  readonly align: number;
}

/** An open ELF dump. */
export interface ElfDump {
  readonly littleEndian: boolean;
  readonly bits: 32 | 64;
  readonly machine: number;
  readonly flags: number;
  readonly segments: readonly Segment[];
  /** The bytes of all PT_NOTE segments, one after the other. */
  readonly notes: Buffer;
  /**
   * A page of physical memory. Bytes that a segment names but does not hold (filesz < memsz) are zero; a page of which no
   * segment holds a byte is undefined.
   */
  page(pfn: number, pageSize: number): Buffer | undefined;
  /** The pages of which the file holds at least one byte, ascending. */
  pfns(pageSize: number): Generator<number>;
  close(): void;
}

const PT_LOAD = 1;
const PT_NOTE = 4;
const EXTENDED_COUNT = 0xffff;

/** Opens an ELF dump. */
export function openElf(path: string): ElfDump {
  const fd = openSync(path, "r");
  try {
    return readHeaders(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function readHeaders(fd: number): ElfDump {
  const at = fileWindow(fd);
  const identity = at(0, 16);
  if (identity.toString("latin1", 0, 4) !== "\x7fELF") {
    throw new Error(`not an ELF file: it starts with ${identity.toString("hex", 0, 4)}`);
  }
  const bits = identity[4] === 1 ? 32 : 64;
  const little = identity[5] !== 2;
  const wide = bits === 64;
  const fields = (offset: number, length: number) => reader(at(offset, length), little, wide);
  const head = fields(0, wide ? 64 : 52);
  const headersAt = head.word(wide ? 32 : 28);
  const stated = head.u16(wide ? 56 : 44);
  const count =
    stated === EXTENDED_COUNT ? fields(head.word(wide ? 40 : 32), wide ? 64 : 40).u32(wide ? 44 : 28) : stated;
  const entry = wide ? 56 : 32;
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const header = fields(headersAt + i * entry, entry);
    segments.push({
      type: header.u32(0),
      flags: header.u32(wide ? 4 : 24),
      offset: header.word(wide ? 8 : 4),
      virtualAddress: header.big(wide ? 16 : 8),
      physicalAddress: header.word(wide ? 24 : 12),
      fileSize: header.word(wide ? 32 : 16),
      formatBytes: header.word(wide ? 40 : 20),
      align: header.word(wide ? 48 : 28),
    });
  }
  // An address of all ones means "none": /proc/kcore has such segments for memory that is not physically contiguous.
  const loads = segments.filter((one) => one.type === PT_LOAD && Number.isSafeInteger(one.physicalAddress));
  return {
    littleEndian: little,
    bits,
    machine: head.u16(18),
    flags: head.u32(wide ? 48 : 36),
    segments,
    notes: Buffer.concat(segments.filter((one) => one.type === PT_NOTE).map((one) => at(one.offset, one.fileSize))),
    page: (pfn, pageSize) => assemble(loads, at, pfn * pageSize, pageSize),
    pfns: (pageSize) => pfnsOf(loads, pageSize),
    close: () => closeSync(fd),
  };
}

/** Fills a page from the segments in file order; where two hold the same byte the first one wins, as for makedumpfile. */
function assemble(
  loads: readonly Segment[],
  at: (offset: number, length: number) => Buffer,
  start: number,
  pageSize: number,
): Buffer | undefined {
  const first = loads.find(
    (load) =>
      load.fileSize > 0 && start < load.physicalAddress + load.fileSize && load.physicalAddress < start + pageSize,
  );
  if (first === undefined) return undefined;
  const offset = start - first.physicalAddress;
  if (offset >= 0 && offset + pageSize <= first.fileSize) return at(first.offset + offset, pageSize);
  const page = Buffer.alloc(pageSize);
  for (const load of [...loads].reverse()) {
    const from = Math.max(start, load.physicalAddress);
    const to = Math.min(start + pageSize, load.physicalAddress + load.fileSize);
    if (from < to) {
      at(load.offset + from - load.physicalAddress, to - from).copy(page, from - start);
    }
  }
  return page;
}

function* pfnsOf(loads: readonly Segment[], pageSize: number): Generator<number> {
  const held = loads.filter((load) => load.fileSize > 0).sort((a, b) => a.physicalAddress - b.physicalAddress);
  let next = 0;
  for (const load of held) {
    const end = Math.ceil((load.physicalAddress + load.fileSize) / pageSize);
    for (let pfn = Math.max(next, Math.floor(load.physicalAddress / pageSize)); pfn < end; pfn++) {
      yield pfn;
    }
    next = Math.max(next, end);
  }
}

function reader(bytes: Buffer, little: boolean, wide: boolean) {
  const u16 = (offset: number): number => (little ? bytes.readUInt16LE(offset) : bytes.readUInt16BE(offset));
  const u32 = (offset: number): number => (little ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset));
  const big = (offset: number): bigint => {
    if (!wide) {
      return BigInt(u32(offset));
    }
    return little ? bytes.readBigUInt64LE(offset) : bytes.readBigUInt64BE(offset);
  };
  return { u16, u32, big, word: (offset: number): number => Number(big(offset)) };
}
