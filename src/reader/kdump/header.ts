import { COMPRESSED_ZLIB } from "../../codec/flags.js";
import { DumpError } from "../../errors.js";
import { damagedHeaderError } from "../damage.js";
import { type Fields, fields } from "../fields.js";
import { archOfUts } from "../machine.js";
import { checkPageCount } from "../page-count.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import { readUtsname, type Utsname } from "../utsname.js";
import { timeOf } from "../vmcoreinfo.js";
import {
  DISKDUMP_INCOMPLETE,
  DISKDUMP_PACKED,
  DISKDUMP_SIGNATURE,
  KDUMP_SIGNATURE,
  KDUMP32_PACKED,
  KDUMP32_PADDED,
  KDUMP64,
  type KdumpHeaderFields,
  STATUS_INCOMPLETE,
  UTSNAME_OFFSET,
} from "./layout.js";

/** Both headers of a kdump-compressed file, checked. A field that the header version lacks is `undefined`. */
export interface KdumpHeader {
  readonly layout: KdumpHeaderFields;
  readonly littleEndian: boolean;
  readonly version: number;
  /** Whether diskdump wrote it: its sub header has registers, and none of the fields of `layout.sub`. */
  readonly isDiskdump: boolean;
  readonly utsname: Utsname;
  /** Seconds since 1970; 0 if the writer had no clock. */
  readonly timestamp: number;
  readonly status: number;
  readonly blockSize: number;
  readonly cpus: number;
  /** Blocks of the sub header, including the notes. */
  readonly subHeaderBlocks: number;
  readonly bitmapBlocks: number;
  /** In pages of `blockSize` bytes. */
  readonly maxMapnr: number;
  readonly physBase: bigint;
  readonly dumpLevel: number;
  readonly split: { readonly startPfn: number; readonly endPfn: number } | undefined;
  readonly vmcoreinfo: FilePart | undefined;
  readonly notes: FilePart | undefined;
  readonly eraseinfo: FilePart | undefined;
}

export interface FilePart {
  readonly offset: number;
  readonly size: number;
}

/** Block sizes are page sizes: 4 KiB to 256 KiB (the largest of any Linux machine). */
const MIN_BLOCK = 4096;
const MAX_BLOCK = 256 * 1024;
/** Notes and VMCOREINFO of one dump: see the ELF reader's limit. */
const MAX_NOTES = 2 ** 30;

/** Whether a file with this head is kdump-compressed. */
export function isKdump(head: Uint8Array): boolean {
  return [KDUMP_SIGNATURE, DISKDUMP_SIGNATURE].includes(signatureOf(head));
}

function signatureOf(head: Uint8Array): string {
  return Buffer.from(head.subarray(0, 8)).toString("latin1");
}

/** Reads both headers. Throws `CORRUPT`, `UNSUPPORTED`, `LIMIT`, `TRUNCATED`. */
export function readKdumpHeader(source: ByteSource): KdumpHeader {
  const head = readExactly(source, 0, KDUMP64.header.size, "kdump header");
  const little = fields(head, true, source.name);
  // No field names the byte order, but the version is a small number in only one of them.
  const littleEndian = little.u32(8) < 0x10000;
  const header = littleEndian ? little : fields(head, false, source.name);
  const isDiskdump = signatureOf(head) === DISKDUMP_SIGNATURE;
  const version = header.i32(8);
  if (version < 0 || version > 6) {
    throw new DumpError("UNSUPPORTED", `kdump header version ${version}; coresieve reads 0 to 6`, {
      file: source.name,
      offset: 8,
      cure: "The header is damaged, or newer than coresieve",
    });
  }
  // diskdump's sub header has registers, and none of kdump's fields. That of version 0 has phys_base only.
  const fieldsSince = isDiskdump ? -1 : version;
  const utsname = readUtsname(header, UTSNAME_OFFSET);
  const word = pickWordSize(header, utsname, source, fieldsSince);
  const at = (word === 8 ? KDUMP64 : KDUMP32_PACKED).header;
  const blockSize = header.u32(at.blockSize);
  const subHeaderBlocks = header.u32(at.subHeaderBlocks);
  if (subHeaderBlocks === 0 || subHeaderBlocks * blockSize > MAX_NOTES) {
    throw damagedHeaderError(
      "CORRUPT",
      source.name,
      `a sub header of ${subHeaderBlocks} blocks; 1 to ${MAX_NOTES / blockSize} are allowed`,
      at.subHeaderBlocks,
    );
  }
  const subBytes = readExactly(source, blockSize, KDUMP64.sub.size, "kdump sub header");
  const sub = fields(isDiskdump ? new Uint8Array(KDUMP64.sub.size) : subBytes, littleEndian, source.name);
  const maxMapnr32 = header.u32(at.maxMapnr);
  const mostPages = BigInt(header.u32(at.bitmapBlocks)) * BigInt(blockSize * 8);
  const layout = word === 8 ? KDUMP64 : pick32BitLayout(sub, fieldsSince, blockSize, subHeaderBlocks, mostPages);
  const ulong = (offset: number, what: string) => (word === 8 ? sub.u64Number(offset, what) : sub.u32(offset));
  const range = (since: number, offset: number, size: number, what: string): FilePart | undefined => {
    if (fieldsSince < since) return undefined;
    const found = { offset: sub.u64Number(offset, `offset of the ${what}`), size: ulong(size, `size of the ${what}`) };
    if (found.offset === 0 || found.size === 0) return undefined;
    if (found.size > MAX_NOTES) {
      throw new DumpError("LIMIT", `${found.size} bytes of ${what}; at most ${MAX_NOTES} are read`, {
        file: source.name,
        offset: blockSize + size,
        cure: "The sub header is damaged",
      });
    }
    return found;
  };
  const maxMapnr = fieldsSince >= 6 ? sub.u64Number(layout.sub.maxMapnr64, "max_mapnr_64") : maxMapnr32;
  const bitmapBlocks = header.u32(at.bitmapBlocks);
  if (maxMapnr === 0 || maxMapnr > bitmapBlocks * blockSize * 8) {
    const what = `${maxMapnr} pages, but a bitmap of ${bitmapBlocks} blocks of ${blockSize} bytes`;
    throw damagedHeaderError("CORRUPT", source.name, what, at.bitmapBlocks);
  }
  checkPageCount(maxMapnr, source.name);
  const isSplit = fieldsSince >= 2 && sub.i32(layout.sub.split) !== 0;
  const startPfn = () =>
    fieldsSince >= 6 ? sub.u64Number(layout.sub.startPfn64, "start_pfn_64") : ulong(layout.sub.startPfn, "start_pfn");
  const endPfn = () =>
    fieldsSince >= 6 ? sub.u64Number(layout.sub.endPfn64, "end_pfn_64") : ulong(layout.sub.endPfn, "end_pfn");
  return {
    layout,
    littleEndian,
    version,
    isDiskdump,
    utsname,
    timestamp: timeOf(word === 8 ? header.u64(at.timestamp) : BigInt(header.u32(at.timestamp))) ?? 0,
    status: isDiskdump ? statusOfDiskdump(header.u32(at.status)) : header.u32(at.status),
    blockSize,
    cpus: header.i32(at.cpus),
    subHeaderBlocks,
    bitmapBlocks,
    maxMapnr,
    physBase: word === 8 ? BigInt.asIntN(64, sub.u64(layout.sub.physBase)) : BigInt(sub.u32(layout.sub.physBase)),
    dumpLevel: fieldsSince >= 1 ? sub.i32(layout.sub.dumpLevel) : 0,
    split: isSplit ? { startPfn: startPfn(), endPfn: endPfn() } : undefined,
    vmcoreinfo: range(3, layout.sub.offsetVmcoreinfo, layout.sub.sizeVmcoreinfo, "VMCOREINFO"),
    notes: range(4, layout.sub.offsetNote, layout.sub.sizeNote, "notes"),
    eraseinfo: range(5, layout.sub.offsetEraseinfo, layout.sub.sizeEraseinfo, "eraseinfo"),
  };
}

/** The bits of diskdump's status as kdump has them. */
function statusOfDiskdump(status: number): number {
  const codec = (status & DISKDUMP_PACKED) === 0 ? 0 : COMPRESSED_ZLIB;
  return codec | ((status & DISKDUMP_INCOMPLETE) === 0 ? 0 : STATUS_INCOMPLETE);
}

/**
 * No field names the word size either. The fields behind the timestamp must make sense together. If they do with both
 * sizes (64-bit files have tv_usec where 32-bit files have the block size), the machine's name decides. The name is not
 * used first, because QEMU writes 64-bit headers for i686 guests.
 */
function pickWordSize(header: Fields, utsname: Utsname, source: ByteSource, version: number): 4 | 8 {
  const isSane = (layout: KdumpHeaderFields) => {
    const blockSize = header.u32(layout.header.blockSize);
    if (blockSize < MIN_BLOCK || blockSize > MAX_BLOCK || (blockSize & (blockSize - 1)) !== 0) return false;
    return header.u32(layout.header.subHeaderBlocks) > 0 && header.u32(layout.header.bitmapBlocks) > 0;
  };
  const hasRoom = (layout: KdumpHeaderFields) => {
    const blockSize = header.u32(layout.header.blockSize);
    const bits = BigInt(header.u32(layout.header.bitmapBlocks)) * BigInt(blockSize * 8);
    if (version < 6) return bits >= header.u32(layout.header.maxMapnr);
    const pages = pagesBySubHeader(source, header.littleEndian, blockSize + layout.sub.maxMapnr64);
    return pages > 0n && bits >= pages;
  };
  const sane = [KDUMP64, KDUMP32_PACKED, KDUMP32_PADDED].filter(isSane);
  const fitting = sane.filter(hasRoom);
  // Before version 6 the number of pages is one of the fields that must make sense.
  const words = new Set((fitting.length > 0 || version < 6 ? fitting : sane).map(({ word }) => word));
  const [word] = words;
  if (words.size > 1) return archOfUts(utsname.machine)?.wordSize ?? 8;
  if (word !== undefined) return word;
  const found = `${header.u32(KDUMP64.header.blockSize)} (64-bit) or ${header.u32(KDUMP32_PACKED.header.blockSize)} (32-bit)`;
  throw damagedHeaderError(
    "CORRUPT",
    source.name,
    `its kdump header has an impossible block size: ${found}`,
    KDUMP64.header.blockSize,
  );
}

/**
 * The number of pages that a header of version 6 has in its sub header. Readers use nothing else there: the field of 32
 * bits in the first header may contain anything. 0 if the file ends before it.
 */
function pagesBySubHeader(source: ByteSource, littleEndian: boolean, offset: number): bigint {
  const bytes = new Uint8Array(8);
  return source.read(bytes, offset) < bytes.length ? 0n : fields(bytes, littleEndian, source.name).u64(0);
}

/**
 * Decides between the packed and the padded layout: by max_mapnr_64, which the bitmaps have room for, otherwise by the
 * layout whose ranges lie in the sub header's blocks.
 */
function pick32BitLayout(
  sub: Fields,
  version: number,
  blockSize: number,
  blocks: number,
  mostPages: bigint,
): KdumpHeaderFields {
  const end = blockSize * (1 + blocks);
  const score = ({ sub: at }: KdumpHeaderFields) => {
    let points = 0;
    const pages = version >= 6 ? sub.u64(at.maxMapnr64) : 0n;
    if (pages > 0n && pages <= mostPages) points += 4;
    const within = (offset: bigint, size: bigint) =>
      (offset === 0n && size === 0n) || (offset > BigInt(blockSize) && size > 0n && offset + size <= BigInt(end));
    if (version >= 3 && within(sub.u64(at.offsetVmcoreinfo), BigInt(sub.u32(at.sizeVmcoreinfo)))) points += 1;
    if (version >= 4 && within(sub.u64(at.offsetNote), BigInt(sub.u32(at.sizeNote)))) points += 1;
    return points;
  };
  return score(KDUMP32_PADDED) > score(KDUMP32_PACKED) ? KDUMP32_PADDED : KDUMP32_PACKED;
}
