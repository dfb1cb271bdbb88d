import { COMPRESSED_LZO, COMPRESSED_SNAPPY, COMPRESSED_ZLIB, COMPRESSED_ZSTD } from "../../codec/flags.js";
import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import type { Warnings } from "../../warnings.js";
import { copyOfBitmap, countBits, findBit, type PageBitmap } from "../bitmap.js";
import { cutOffError } from "../damage.js";
import type { Dump } from "../dump.js";
import { archOfUts, factsOf, MAX_CPUS, type Machine } from "../machine.js";
import { countCpus, findVmcoreinfo, isOfXenHost, type Note, parseNotes } from "../notes.js";
import { checkClaim, checkPageCount, mostPages } from "../page-count.js";
import type { PhysicalRange } from "../physical-memory.js";
import { bitmapRanges } from "../ranges.js";
import { type ByteSource, readExactly, readWhatIsThere } from "../source/byte-source.js";
import { attachSource, bytesWithHoles, closeOnce, type SourceImage } from "../source/source-image.js";
import { pageSizeFor, pageSizeFromUnit, parseVmcoreinfo, type Vmcoreinfo } from "../vmcoreinfo.js";
import { bitmapsCutOff, bitmapsEnd, readBitmaps } from "./bitmaps.js";
import { type KdumpHeader, readKdumpHeader } from "./header.js";
import { buildRank, type KdumpImage } from "./image.js";
import { PAGE_DESC_SIZE, STATUS_INCOMPLETE, STATUS_NO_VMEMMAP } from "./layout.js";
import { guessMachine } from "./machine.js";
import { kdumpMemory } from "./memory.js";
import { findPresent } from "./present.js";
import { orderSplitSet } from "./split.js";

/**
 * Opens a kdump-compressed dump: one file, or all files of a split set in any order; with `salvage`, reads a damaged
 * one as far as possible. Throws what its parts throw.
 */
export function openKdump(images: readonly SourceImage[], warnings: Warnings, salvage: boolean): Dump {
  const files = orderSplitSet(
    images.map((image) => ({ image, header: readKdumpHeader(attachSource(image)) })),
    salvage,
  );
  const first = files[0] as (typeof files)[number];
  const source = attachSource(first.image);
  const held = bytesWithHoles(...images);
  const header = salvage ? withBitmapInFile(first.header, source.size, held) : first.header;
  checkClaim(header.maxMapnr, held, source.name);
  const take = salvage ? readWhatIsThere : readExactly;
  const { area: noteArea, text } = readNoteArea(source, header, take);
  const notes = parseNotes(noteArea, header.littleEndian, source.name, warnings);
  const note = findVmcoreinfo(notes);
  const infoText = note ? Buffer.from(note.desc).toString("latin1") : text;
  const vmcoreinfo = infoText === undefined ? undefined : parseVmcoreinfo(infoText, warnings);
  const machine = machineOf(header, vmcoreinfo, notes, source.name);
  const { exists, dumped } = readBitmaps(first.image, header, salvage);
  const firstBlock = factsOf(machine.arch).numbersFromPhysBase ? firstBlockOf(header, exists) : 0;
  const descriptors = (1 + header.subHeaderBlocks + header.bitmapBlocks) * header.blockSize;
  const pageSize =
    pageSizeFor(machine.arch, vmcoreinfo, warnings) ??
    pageSizeFromUnit(machine.arch, header.blockSize, source.name, warnings);
  const maxMapnr = Math.ceil(((firstBlock + header.maxMapnr) * header.blockSize) / pageSize);
  checkPageCount(maxMapnr, source.name);
  checkClaim(maxMapnr, held, source.name);
  const image: KdumpImage = {
    kind: "kdump",
    littleEndian: header.littleEndian,
    blockSize: header.blockSize,
    // Another bit of diskdump's marks anonymous memory.
    flagBits: header.isDiskdump ? COMPRESSED_ZLIB : -1,
    pageSize,
    maxMapnr: header.maxMapnr,
    firstBlock,
    exists,
    dumped,
    present: salvage ? copyOfBitmap(dumped) : dumped,
    tolerant: salvage,
    rank: buildRank(dumped),
    parts: files.map((file) => ({
      source: file.image,
      // In a damaged set the ranges may lie behind the last page.
      startPfn: Math.min(file.header.split?.startPfn ?? 0, header.maxMapnr),
      endPfn: Math.min(file.header.split?.endPfn ?? header.maxMapnr, header.maxMapnr),
      descriptors,
    })),
  };
  const cutOff = cutOffAt(image, bitmapsEnd(header));
  if (cutOff !== undefined) {
    if (!salvage) throw cutOff;
    warnings.add("CUT_OFF", cutOff);
  }
  const missing = salvage ? findPresent(image, warnings) : 0;
  const marked = (header.status & STATUS_INCOMPLETE) !== 0;
  if (marked) warnings.add("INCOMPLETE", `${source.name}: is marked incomplete: its writer ran out of space`);
  const flattened = images.some((one) => one.flattened !== undefined);
  return {
    paths: files.map((file) => file.image.file.path),
    fileSize: images.reduce((sum, one) => sum + one.file.size, 0),
    image,
    header: {
      description: `${describe(header, files.length, flattened)}${isOfXenHost(notes) ? ", of a Xen host" : ""}`,
      format: "kdump",
      flattened,
      headerVersion: header.version,
      parts: files.length,
      codecs: codecNames(header.status),
      incomplete:
        marked || missing > 0 || cutOff !== undefined || images.some((one) => one.flattened?.cut !== undefined),
      lacksStructPages: (header.status & STATUS_NO_VMEMMAP) !== 0,
      dumpLevel: header.dumpLevel & 31,
      utsname: header.utsname,
      timestamp: header.timestamp === 0 ? vmcoreinfo?.crashTime : header.timestamp,
      // A damaged number counts as 0: each CPU becomes a note of an output, and matters to the self-check.
      cpus: countCpus(notes) || (header.cpus > 0 && header.cpus <= MAX_CPUS ? header.cpus : 0),
      physBase: header.physBase,
    },
    machine,
    pageSize,
    maxMapnr,
    noteArea,
    notes,
    vmcoreinfo,
    eraseinfo: header.eraseinfo && nonEmpty(take(source, header.eraseinfo.offset, header.eraseinfo.size, "eraseinfo")),
    memory: kdumpMemory(image),
    ranges: existingRanges(exists, header, firstBlock, salvage, source.name),
    close: closeOnce(images),
  };
}

/**
 * Pages that even the first bitmap does not reach are not known to exist: in a file that is cut off, a damaged number
 * of them would ask for gigabytes.
 */
function withBitmapInFile(header: KdumpHeader, size: number, held: number): KdumpHeader {
  const bytes = Math.max(1, size - (1 + header.subHeaderBlocks) * header.blockSize);
  return { ...header, maxMapnr: Math.min(header.maxMapnr, 8 * bytes, mostPages(held)) };
}

/**
 * Memory in more pieces than this is a damaged bitmap: if every second page existed, there would be billions of ranges.
 */
const MAX_RANGES = 2 ** 20;

/**
 * The ranges of the first bitmap. If a damaged bitmap is salvaged and has too many, the rest is joined to one range.
 */
function existingRanges(
  exists: PageBitmap,
  { maxMapnr, blockSize }: KdumpHeader,
  firstBlock: number,
  salvage: boolean,
  file: string,
): PhysicalRange[] {
  const ranges = bitmapRanges(exists, maxMapnr, blockSize, firstBlock, MAX_RANGES + 1);
  if (ranges.length <= MAX_RANGES) return ranges;
  if (salvage)
    return [
      ...ranges.slice(0, -1),
      { start: ranges[MAX_RANGES]?.start ?? 0, end: (firstBlock + maxMapnr) * blockSize },
    ];
  throw new DumpError("LIMIT", `its first bitmap has memory in more than ${MAX_RANGES} pieces`, {
    file,
    cure: `The bitmap is damaged: copy the file again from where it was made, or use ${OPTION.salvage}`,
  });
}

/** The note area (header version 4 and later), or only the VMCOREINFO text of a header of version 3. */
function readNoteArea(
  source: ByteSource,
  header: KdumpHeader,
  take: typeof readExactly,
): { area: Uint8Array; text: string | undefined } {
  const { notes, vmcoreinfo } = header;
  const text = vmcoreinfo && take(source, vmcoreinfo.offset, vmcoreinfo.size, "VMCOREINFO");
  return {
    area: notes === undefined ? new Uint8Array(0) : take(source, notes.offset, notes.size, "notes"),
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
    throw new DumpError(
      "UNSUPPORTED",
      `the header calls the machine ${found}, and the dump does not say it in another way`,
      {
        file,
        cure: "coresieve needs to know the architecture to read the memory",
      },
    );
  }
  return { arch, wordSize: factsOf(arch).wordSize, littleEndian: header.littleEndian };
}

/**
 * makedumpfile and crash number the pages of such a machine from the start of memory on, QEMU from address 0 on. If a
 * file has no page below its phys_base, it is numbered from address 0 on.
 */
function firstBlockOf(header: KdumpHeader, exists: PageBitmap): number {
  const blocks = Number(header.physBase ?? 0n) / header.blockSize;
  const first = findBit(exists, 0, header.maxMapnr, true);
  return Number.isSafeInteger(blocks) && blocks > 0 && first < blocks ? blocks : 0;
}

/** The error of a file that ends before its last descriptor, so that it is reported before anything is written. */
function cutOffAt(image: KdumpImage, bitmapsEnd: number): DumpError | undefined {
  for (const part of image.parts) {
    const source = attachSource(part.source);
    if (bitmapsEnd > source.size) return bitmapsCutOff(source, bitmapsEnd);
    const pages = countBits(image.dumped, part.startPfn, Math.min(part.endPfn, image.maxMapnr));
    const end = part.descriptors + pages * PAGE_DESC_SIZE;
    if (end > source.size) {
      return cutOffError(
        source.name,
        `is cut off: it has ${source.size} bytes, and its page descriptors end at ${end}`,
      );
    }
  }
  return undefined;
}

function nonEmpty(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length === 0 ? undefined : bytes;
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
  return `${header.isDiskdump ? "diskdump" : "kdump-compressed"}, header version ${header.version}, ${header.layout.word * 8}-bit, ${order}${flattened ? ", flattened" : ""}${set}`;
}
