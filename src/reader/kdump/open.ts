import { DumpError } from "../../errors.js";
import type { Warnings } from "../../warnings.js";
import { countBits, findBit, sharedBitmap } from "../bitmap.js";
import { type ByteSource, readExactly, readInto } from "../byte-source.js";
import type { Dump } from "../dump.js";
import { archOfUts, factsOf, type Machine } from "../machine.js";
import { countCpus, findVmcoreinfo, type Note, parseNotes } from "../notes.js";
import { checkPageCount } from "../page-count.js";
import { bitmapRanges } from "../ranges.js";
import { attachSource, closeOnce, type SourceImage } from "../source-image.js";
import { parseVmcoreinfo, type Vmcoreinfo } from "../vmcoreinfo.js";
import { type KdumpHeader, readKdumpHeader } from "./header.js";
import { buildRank, type KdumpImage, kdumpMemory } from "./image.js";
import {
  COMPRESSED_LZO,
  COMPRESSED_SNAPPY,
  COMPRESSED_ZLIB,
  COMPRESSED_ZSTD,
  PAGE_DESC_SIZE,
  STATUS_INCOMPLETE,
} from "./layout.js";
import { guessMachine } from "./machine.js";
import { orderSplitSet } from "./split.js";

/** Opens a kdump-compressed dump: one file, or all files of a split set in any order. Throws as its parts do. */
export function openKdump(images: readonly SourceImage[], warnings: Warnings): Dump {
  const files = orderSplitSet(images.map((image) => ({ image, header: readKdumpHeader(attachSource(image)) })));
  const first = files[0] as (typeof files)[number];
  const { header } = first;
  const source = attachSource(first.image);
  const { area: noteArea, text } = readNoteArea(source, header);
  const notes = parseNotes(noteArea, header.littleEndian, source.name, warnings);
  const note = findVmcoreinfo(notes);
  const infoText = note ? Buffer.from(note.desc).toString("latin1") : text;
  const vmcoreinfo = infoText === undefined ? undefined : parseVmcoreinfo(infoText, warnings);
  const machine = machineOf(header, vmcoreinfo, notes, source.name);
  const { exists, dumped } = readBitmaps(source, header);
  const firstBlock = machine.arch === "arm" ? firstBlockOfArm(header, exists) : 0;
  const descriptors = (1 + header.subHeaderBlocks + header.bitmapBlocks) * header.blockSize;
  const pageSize = vmcoreinfo?.pageSize ?? header.blockSize;
  const maxMapnr = Math.ceil(((firstBlock + header.maxMapnr) * header.blockSize) / pageSize);
  checkPageCount(maxMapnr, source.name);
  const image: KdumpImage = {
    kind: "kdump",
    littleEndian: header.littleEndian,
    blockSize: header.blockSize,
    pageSize,
    maxMapnr: header.maxMapnr,
    firstBlock,
    exists,
    dumped,
    rank: buildRank(dumped, header.maxMapnr),
    parts: files.map((file) => ({
      source: file.image,
      startPfn: file.header.split?.startPfn ?? 0,
      endPfn: file.header.split?.endPfn ?? header.maxMapnr,
      descriptors,
    })),
  };
  checkNotCutOff(image, warnings, (header.status & STATUS_INCOMPLETE) !== 0);
  const flattened = images.some((one) => one.flattened !== undefined);
  return {
    paths: files.map((file) => file.image.file.path),
    fileSize: images.reduce((sum, one) => sum + one.file.size, 0),
    image,
    header: {
      description: describe(header, files.length, flattened),
      format: "kdump",
      flattened,
      headerVersion: header.version,
      parts: files.length,
      codecs: codecNames(header.status),
      incomplete: (header.status & STATUS_INCOMPLETE) !== 0,
      dumpLevel: header.dumpLevel & 31,
      utsname: header.utsname,
      timestamp: header.timestamp === 0 ? vmcoreinfo?.crashTime : header.timestamp,
      cpus: countCpus(notes) || Math.max(header.cpus, 0),
      physBase: header.physBase,
    },
    machine,
    pageSize,
    maxMapnr,
    noteArea,
    notes,
    vmcoreinfo,
    eraseinfo: header.eraseinfo && readExactly(source, header.eraseinfo.offset, header.eraseinfo.size, "eraseinfo"),
    memory: kdumpMemory(image),
    ranges: bitmapRanges(exists, header.maxMapnr, header.blockSize, firstBlock),
    close: closeOnce(images),
  };
}

/** The note area (header version 4 and later), and VMCOREINFO's text where a header of version 3 has only that. */
function readNoteArea(source: ByteSource, header: KdumpHeader): { area: Uint8Array; text: string | undefined } {
  const { notes, vmcoreinfo } = header;
  const text = vmcoreinfo && readExactly(source, vmcoreinfo.offset, vmcoreinfo.size, "VMCOREINFO");
  return {
    area: notes === undefined ? new Uint8Array(0) : readExactly(source, notes.offset, notes.size, "notes"),
    text: text && Buffer.from(text).toString("latin1"),
  };
}

function machineOf(
  header: KdumpHeader,
  vmcoreinfo: Vmcoreinfo | undefined,
  notes: readonly Note[],
  file: string,
): Machine {
  const arch = archOfUts(header.utsname.machine)?.arch ?? guessMachine(vmcoreinfo, notes, header.littleEndian);
  if (arch === undefined) {
    const found = JSON.stringify(header.utsname.machine.slice(0, 20));
    throw new DumpError("UNSUPPORTED", `the header calls the machine ${found}, and nothing else tells it`, {
      file,
      cure: "coresieve needs to know the architecture to read the memory",
    });
  }
  return { arch, wordSize: factsOf(arch).wordSize, littleEndian: header.littleEndian };
}

/**
 * makedumpfile and crash number the pages of 32-bit ARM from the start of memory on, QEMU from address 0 on. A file
 * that has no page below its phys_base is of the second kind.
 */
function firstBlockOfArm(header: KdumpHeader, exists: Uint8Array): number {
  const blocks = Number(header.physBase ?? 0n) / header.blockSize;
  const first = findBit(exists, 0, header.maxMapnr, true);
  return Number.isSafeInteger(blocks) && blocks > 0 && first < blocks ? blocks : 0;
}

/**
 * Reads both bitmaps. A file with one only (partial dumps of old kernels) has the second one alone: then what exists
 * and what is dumped are the same.
 */
function readBitmaps(source: ByteSource, header: KdumpHeader): { exists: Uint8Array; dumped: Uint8Array } {
  const { blockSize, maxMapnr, bitmapBlocks } = header;
  const start = (1 + header.subHeaderBlocks) * blockSize;
  const bytes = Math.ceil(maxMapnr / 8);
  const end = start + bitmapBlocks * blockSize;
  if (end > source.size) {
    throw new DumpError("TRUNCATED", `holds ${source.size} bytes, but its page bitmaps end at ${end}`, {
      file: source.name,
      cure: "The file was cut off: copy it again from where it was made",
    });
  }
  const two = bitmapBlocks >= 2 * Math.ceil(bytes / blockSize);
  const read = (offset: number) => {
    const bitmap = sharedBitmap(maxMapnr);
    readInto(source, bitmap.subarray(0, bytes), offset, "page bitmap");
    // Bits behind the last page mean nothing; the rest of the program need not look out for them.
    if (maxMapnr % 8 !== 0) bitmap[bytes - 1] = (bitmap[bytes - 1] as number) & ((1 << (maxMapnr % 8)) - 1);
    return bitmap;
  };
  const exists = read(start);
  return { exists, dumped: two ? read(start + (bitmapBlocks * blockSize) / 2) : exists };
}

/** A file that ends before its last descriptor was cut off: say so before anything is written. */
function checkNotCutOff(image: KdumpImage, warnings: Warnings, incomplete: boolean): void {
  for (const part of image.parts) {
    const source = attachSource(part.source);
    const pages = countBits(image.dumped, part.startPfn, Math.min(part.endPfn, image.maxMapnr));
    const end = part.descriptors + pages * PAGE_DESC_SIZE;
    if (end > source.size) {
      throw new DumpError("TRUNCATED", `holds ${source.size} bytes, but its page descriptors end at ${end}`, {
        file: source.name,
        cure: "The file was cut off: copy it again from where it was made",
      });
    }
  }
  if (incomplete) {
    warnings.add(
      "INCOMPLETE",
      `${image.parts[0]?.source.file.path}: is marked incomplete: its writer ran out of space`,
    );
  }
}

function codecNames(status: number): string[] {
  const names: readonly [number, string][] = [
    [COMPRESSED_ZLIB, "zlib"],
    [COMPRESSED_LZO, "lzo"],
    [COMPRESSED_SNAPPY, "snappy"],
    [COMPRESSED_ZSTD, "zstd"],
  ];
  return names.filter(([bit]) => (status & bit) !== 0).map(([, name]) => name);
}

function describe(header: KdumpHeader, parts: number, flattened: boolean): string {
  const order = header.littleEndian ? "little endian" : "big endian";
  const set = parts > 1 ? `, split set of ${parts} files` : "";
  return `kdump-compressed, header version ${header.version}, ${header.layout.word * 8}-bit, ${order}${flattened ? ", flattened" : ""}${set}`;
}
