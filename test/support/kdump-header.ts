/** The two headers of a kdump-compressed file, in each word size and version. */

import type { ByteBuffer, Integer } from "./bytes.js";

/** The six strings of struct new_utsname, 65 bytes each. */
export interface Utsname {
  readonly sysname: string;
  readonly nodename: string;
  readonly release: string;
  readonly version: string;
  readonly machine: string;
  readonly domainname: string;
}

export const UTSNAME_FIELD_SIZE = 65;

const UTSNAME_FIELDS = ["sysname", "nodename", "release", "version", "machine", "domainname"] as const;

export const DEFAULT_UTSNAME: Utsname = {
  sysname: "Linux",
  nodename: "synthetic",
  release: "6.1.0-synthetic",
  version: "#1 SMP PREEMPT_DYNAMIC",
  machine: "x86_64",
  domainname: "(none)",
};

/** 390 bytes; absent fields are empty. */
export function writeUtsname(out: ByteBuffer, utsname: Partial<Utsname>): void {
  for (const field of UTSNAME_FIELDS) {
    out.text(utsname[field] ?? "", UTSNAME_FIELD_SIZE);
  }
}

/** Every number of the first header. */
export interface MainHeader {
  readonly signature: string;
  readonly version: Integer;
  readonly timestampSeconds: Integer;
  readonly timestampMicroseconds: Integer;
  readonly status: Integer;
  readonly blockSize: Integer;
  readonly subHeaderBlocks: Integer;
  readonly bitmapBlocks: Integer;
  readonly maxMapnr: Integer;
  readonly totalRamBlocks: Integer;
  readonly deviceBlocks: Integer;
  readonly writtenBlocks: Integer;
  readonly currentCpu: Integer;
  readonly nrCpus: Integer;
}

export function writeMainHeader(out: ByteBuffer, wordSize: 4 | 8, header: MainHeader, utsname: Partial<Utsname>): void {
  out.seek(0).text(header.signature, 8).u32(header.version);
  writeUtsname(out, utsname);
  out.align(wordSize);
  out.word(wordSize, header.timestampSeconds).word(wordSize, header.timestampMicroseconds);
  out.u32(header.status).u32(header.blockSize).u32(header.subHeaderBlocks).u32(header.bitmapBlocks);
  out.u32(header.maxMapnr).u32(header.totalRamBlocks).u32(header.deviceBlocks).u32(header.writtenBlocks);
  out.u32(header.currentCpu).u32(header.nrCpus);
}

/** Every number of the second header. */
export interface SubHeader {
  readonly physBase: Integer;
  readonly dumpLevel: Integer;
  readonly split: Integer;
  readonly startPfn: Integer;
  readonly endPfn: Integer;
  readonly offsetVmcoreinfo: Integer;
  readonly sizeVmcoreinfo: Integer;
  readonly offsetNote: Integer;
  readonly sizeNote: Integer;
  readonly offsetEraseinfo: Integer;
  readonly sizeEraseinfo: Integer;
  readonly startPfn64: Integer;
  readonly endPfn64: Integer;
  readonly maxMapnr64: Integer;
}

/** How the sub header aligns 64-bit members: i386 and QEMU to 4 bytes ("packed"), other 32-bit machines to 8. */
export type SubHeaderShape = "64" | "32-packed" | "32-padded";

const SUB_HEADER_SIZES: Readonly<Record<SubHeaderShape, number>> = { "64": 104, "32-packed": 80, "32-padded": 96 };

/** Size of the whole struct; the notes follow it. It does not depend on the header version. */
export function subHeaderSize(shape: SubHeaderShape): number {
  return SUB_HEADER_SIZES[shape];
}

/** Writes at the cursor. Members which `version` does not have yet stay zero. */
export function writeSubHeader(out: ByteBuffer, shape: SubHeaderShape, version: number, header: SubHeader): void {
  const start = out.position;
  const wordSize = shape === "64" ? 8 : 4;
  const offset = (value: Integer): void => {
    if (shape === "32-padded") {
      out.seek(start + Math.ceil((out.position - start) / 8) * 8);
    }
    out.u64(value);
  };
  out.word(wordSize, header.physBase).u32(header.dumpLevel);
  if (version >= 2) {
    out.u32(header.split).word(wordSize, header.startPfn).word(wordSize, header.endPfn);
  }
  if (version >= 3) {
    offset(header.offsetVmcoreinfo);
    out.word(wordSize, header.sizeVmcoreinfo);
  }
  if (version >= 4) {
    offset(header.offsetNote);
    out.word(wordSize, header.sizeNote);
  }
  if (version >= 5) {
    offset(header.offsetEraseinfo);
    out.word(wordSize, header.sizeEraseinfo);
  }
  if (version >= 6) {
    offset(header.startPfn64);
    out.u64(header.endPfn64).u64(header.maxMapnr64);
  }
  const written = out.position - start;
  out.skip(SUB_HEADER_SIZES[shape] - written);
}
