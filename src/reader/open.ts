import { DumpError } from "../errors.js";
import {
  aFlag,
  aFunction,
  anObject,
  aText,
  checkArgument,
  checkGiven,
  hasMembers,
  listOf,
  maybe,
  type Shape,
  someFileNames,
  suchThat,
  wholeNumber,
} from "../option-shape.js";
import { OPTION } from "../option-words.js";
import { aWarnings, Warnings } from "../warnings.js";

import type { Dump, DumpImage, OpenedAs } from "./dump.js";
import { elfBitmaps, elfMemory } from "./elf/image.js";
import type { ElfDump } from "./elf/open.js";
import { extentStretches } from "./extents-memory.js";
import { isFlattened } from "./flattened/records.js";
import type { FormatOptions } from "./format.js";
import { formatOf, formatOfImage, headOf, noDump, openFormats } from "./formats.js";
import { framesOf, withFrames } from "./frames.js";
import { kdumpBitmaps, kdumpMemory, kdumpStretches } from "./kdump/memory.js";
import { KNOWN_HEAD_SIZE, knownFile, knownName } from "./known-files.js";
import type { Machine } from "./machine.js";
import { pagedBitmaps, pagedMemory } from "./paged/attach.js";
import type { PageBitmaps, PhysicalMemory } from "./physical-memory.js";
import { addressedFiles } from "./raw/addressed-files.js";
import { rawBitmaps, rawExtents, rawMemory } from "./raw/image.js";
import { openFiles, openRaw } from "./raw/open.js";
import type { RawPiece, RawPlace } from "./raw/pieces.js";
import { type FileHandle, openFile } from "./source/byte-source.js";
import { closeOnce, openSource, type SourceImage } from "./source/source-image.js";
import type { Stretches } from "./stretches.js";

/** What a file does not say of itself, and how far it is trusted. */
export interface OpenOptions {
  /** The file is bare memory, and these are the physical addresses of its consecutive pieces, or "auto". */
  readonly raw?: RawPlace;
  /**
   * The files are bare memory that begins at these physical addresses, one for each.
   * @internal
   */
  readonly addresses?: readonly number[];
  /** The machine of a memory image (raw, LiME, AVML); found in its memory if nothing is said. */
  readonly machine?: Machine;
  /**
   * Reads damaged and cut-off dumps as far as they go: pages that are not there are as if the dump did not have them, and
   * warnings count them (`CUT_OFF`, `MISSING_PAGES`).
   */
  readonly salvage?: boolean;
  /** The snapshot to take of those in a qcow2 disk image: its name, or its number. Default: the newest that has memory. */
  readonly snapshot?: string;
  /**
   * Opens a file that was named, where not every file may be read: nothing is opened, or looked at, by its name but by this. Default: by name.
   * @internal
   */
  readonly openFile?: (path: string) => FileHandle;
}

const RAW_PIECE: Shape<RawPiece> = { start: wholeNumber(0), end: maybe(wholeNumber(1)) };

/** What `openDump` takes. */
export const OPEN_SHAPE: Shape<OpenOptions> = {
  raw: maybe((value, at) => {
    if (value !== "auto") listOf(anObject(RAW_PIECE), 1)(value, at);
  }),
  addresses: maybe(listOf(wholeNumber(0), 1)),
  machine: maybe(suchThat((value) => hasMembers(value, ["arch", "wordSize", "littleEndian"]), "a Machine")),
  salvage: maybe(aFlag),
  snapshot: maybe(aText),
  openFile: maybe(aFunction),
};

/**
 * Opens a dump by its content: an ELF vmcore, a kdump-compressed file, a LiME or AVML image, a QEMU migration stream, any of them flattened, or
 * all files of a split set (in any order); bare memory only with `raw`. The files are read in place: `openInput` opens streams and packed files, too. Throws `NOT_READABLE`, `NOT_A_DUMP`,
 * `TRUNCATED`, `CORRUPT`, `LIMIT`, `UNSUPPORTED`, `BAD_OPTION`.
 */
export function openDump(
  paths: string | readonly string[],
  warnings: Warnings = new Warnings(),
  options: OpenOptions = {},
): Dump {
  checkArgument("paths", paths, someFileNames);
  checkArgument("warnings", warnings, aWarnings);
  checkGiven(options, OPEN_SHAPE);
  const names = typeof paths === "string" ? [paths] : paths;
  const images: SourceImage[] = [];
  try {
    const addressed = addressedFiles(names);
    for (const name of addressed?.paths ?? names) images.push(openSource(name, options.salvage, options.openFile));
    return openSources(images, warnings, { ...options, ...(addressed && { addresses: addressed.addresses }) });
  } catch (error) {
    closeOnce(images)();
    throw error;
  }
}

/** Opens the dump in input files that are open; if it throws they stay the caller's to close. As `openDump` otherwise. */
export function openSources(images: readonly SourceImage[], warnings: Warnings, options: OpenOptions = {}): Dump {
  for (const { flattened } of images) {
    if (flattened?.cut !== undefined) warnings.add("CUT_OFF", flattened.cut.why);
  }
  const { machine, salvage = false, openFile: open = openFile, raw, addresses, snapshot } = options;
  const reading = { machine, salvage, warnings, snapshot, openFile: open };
  const found =
    addresses !== undefined
      ? openAddressed(images, addresses, raw, reading)
      : raw === undefined
        ? openFormats(images, reading, ofNoFormat)
        : openRawImage(images, raw, reading);
  const dump = { ...translated(found), opened: openedAs(options) };
  const spool = images.find((image) => image.spool !== undefined)?.spool;
  if (spool === undefined) return dump;
  const from = spool.packing ?? "from a stream";
  return { ...dump, header: { ...dump.header, description: `${dump.header.description}, ${from}` } };
}

/** With what a dump's notes say of the addresses in its page tables. */
function translated(dump: Dump): Dump {
  const frames = framesOf(dump.notes);
  return frames === undefined
    ? dump
    : { ...dump, image: { ...dump.image, frames }, memory: withFrames(dump.memory, frames) };
}

function openedAs({ salvage = false, raw, addresses, machine, snapshot }: OpenOptions): OpenedAs {
  const hex = (address: number) => `0x${address.toString(16)}`;
  const pieces = addresses?.map((start) => ({ start, end: undefined })) ?? (raw === "auto" ? undefined : raw);
  const places = pieces?.map(({ start, end }) => (end === undefined ? hex(start) : `${hex(start)}-${hex(end)}`));
  return {
    salvage,
    ...((raw ?? addresses) !== undefined && { raw: places?.join(",") ?? "auto" }),
    ...(machine && { arch: machine.arch }),
    ...(snapshot !== undefined && { snapshot }),
  };
}

/** Files of bare memory with an address each. */
function openAddressed(
  images: readonly SourceImage[],
  addresses: readonly number[],
  raw: RawPlace | undefined,
  options: FormatOptions,
): Dump {
  const withHeaders = images.find((image) => image.flattened !== undefined || formatOfImage(image) !== undefined);
  const problem =
    raw !== undefined
      ? `has an address behind its name, and ${OPTION.raw} was named`
      : withHeaders === undefined
        ? undefined
        : "is a dump with headers, not bare memory";
  if (problem === undefined) return openFiles(images, addresses, options);
  throw new DumpError("BAD_OPTION", problem, {
    file: (withHeaders ?? images[0])?.file.path,
    cure: raw === undefined ? "Leave out the address after its name" : "Leave out one of them",
  });
}

/** Bare memory is opened as that, unless it is plainly something else. */
function openRawImage(images: readonly SourceImage[], place: RawPlace, options: FormatOptions): Dump {
  const first = images[0];
  if (first === undefined) throw noDump();
  const problem =
    images.length > 1
      ? `${images.length} inputs were named with ${OPTION.raw}, which takes one`
      : first.flattened !== undefined || formatOfImage(first) !== undefined
        ? "is a dump with headers, not bare memory"
        : undefined;
  if (problem === undefined) return openRaw(first, place, options);
  throw new DumpError("BAD_OPTION", problem, {
    file: first.file.path,
    cure: images.length > 1 ? "Give each file its address instead: `FILE@0 FILE@4G`" : `Leave out ${OPTION.raw}`,
  });
}

/**
 * Looks at the first bytes of a stream, before all of it is read: it may be long, or never end. Throws `NOT_A_DUMP` if
 * they are no dump's; with `KNOWN_HEAD_SIZE` of them it says what else they are.
 */
export function checkHead(head: Uint8Array, name: string): void {
  if (!isDumpHead(head, name)) throw notADump(head, name);
}

/** Whether a file that begins so is a dump: `HEAD_SIZE` bytes tell it. */
export function isDumpHead(head: Uint8Array, name: string): boolean {
  return isFlattened(head) || formatOf(head, { path: name }) !== undefined;
}

function ofNoFormat(image: SourceImage): DumpError {
  return notADump(headOf(image, KNOWN_HEAD_SIZE), image.file.path);
}

/** The error of a file that begins so: what it is, if that is known. */
function notADump(head: Uint8Array, name: string): DumpError {
  const known = knownFile(head) ?? knownName(name);
  if (known !== undefined) {
    return new DumpError("NOT_A_DUMP", `is ${known.name}, ${known.why ?? "which coresieve does not read"}`, {
      file: name,
      cure: known.cure,
    });
  }
  const zeros = head.length === KNOWN_HEAD_SIZE && head.every((byte) => byte === 0);
  const what = zeros ? "it begins with zeros only" : `it begins with ${beginning(head.subarray(0, 8))}`;
  return new DumpError("NOT_A_DUMP", `is not a kernel dump that coresieve reads: ${what}`, {
    file: name,
    cure: `Name the dump itself, as kdump, QEMU, libvirt, VMware, LiME or AVML wrote it; for bare memory give ${OPTION.rawAuto}`,
  });
}

/** Bytes as a text, if they are one. */
function beginning(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1");
  return /^[\x20-\x7e]+$/.test(text)
    ? JSON.stringify(text)
    : `the bytes ${Buffer.from(bytes)
        .toString("hex")
        .replace(/..(?=.)/g, "$& ")}`;
}

/** Physical memory of an opened dump, for another thread than the one that opened it. */
export function attachMemory(image: DumpImage): PhysicalMemory {
  return withFrames(memoryOf(image), image.frames);
}

function memoryOf(image: DumpImage): PhysicalMemory {
  switch (image.kind) {
    case "elf":
      return elfMemory(image);
    case "kdump":
      return kdumpMemory(image);
    case "paged":
      return pagedMemory(image);
    case "raw":
      return rawMemory(image);
  }
}

/** The same where reading a page that cannot be decoded throws, though the dump is salvaged. */
export function attachStrictMemory(image: DumpImage): PhysicalMemory {
  return attachMemory({ ...image, tolerant: false });
}

/** Sets the bits of the pages that exist and of those that have data. */
export function fillBitmaps(image: DumpImage, bitmaps: PageBitmaps): void {
  if (image.kind === "elf") elfBitmaps(image, bitmaps);
  else if (image.kind === "kdump") kdumpBitmaps(image, bitmaps);
  else if (image.kind === "paged") pagedBitmaps(image, bitmaps);
  else rawBitmaps(image, bitmaps);
}

/** Where the pages are that exist or have data. */
export function stretchesOf(image: DumpImage): Stretches {
  const { pageSize } = image;
  if (image.kind === "kdump") return kdumpStretches(image);
  if (image.kind === "raw") return extentStretches(rawExtents(image), pageSize);
  if (image.kind === "paged") return extentStretches([image.memory], pageSize);
  return extentStretches([image.memory, image.data], pageSize);
}

/** The PT_LOADs of an ELF dump; a dump of another format has none. */
export function segmentsOf(dump: Dump): ElfDump["segments"] | undefined {
  return "segments" in dump ? (dump as ElfDump).segments : undefined;
}
