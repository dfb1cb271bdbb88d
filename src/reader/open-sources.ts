import { DumpError } from "../errors.js";
import { runAtOnce } from "../long-work.js";
import {
  aFlag,
  aFunction,
  anObject,
  aText,
  closable,
  hasMembers,
  listOf,
  maybe,
  type Shape,
  suchThat,
  wholeNumber,
} from "../option-shape.js";
import { OPTION, piped } from "../option-words.js";
import type { Warnings } from "../warnings.js";
import { notSalvaged } from "./damage.js";
import type { Dump, OpenedAs } from "./dump.js";
import { isFlattened } from "./flattened/records.js";
import { type FormatOptions, type Opening, opened } from "./format.js";
import { formatOf, formatOfImage, headOf, loaded, noDump, openFormats } from "./formats.js";
import { framesOf, withFrames } from "./frames.js";
import type { FurtherReaders } from "./further-formats.js";
import { isTextHead, KNOWN_HEAD_SIZE, knownFile, knownName } from "./known-files.js";
import type { Machine } from "./machine.js";
import type { RawPiece, RawPlace } from "./raw/pieces.js";
import { ARCHIVE_HEAD, archiveOf } from "./source/archive/archives.js";
import { type FileHandle, openFile } from "./source/byte-source.js";
import type { SourceImage } from "./source/source-image.js";

/** What a file does not say about itself, and how far it is trusted. */
export interface OpenOptions {
  /** The file is bare memory. These are the physical addresses of its consecutive pieces, or "auto" to find them. */
  readonly raw?: RawPlace;
  /**
   * The files are bare memory that begins at these physical addresses, one address for each file.
   * @internal
   */
  readonly addresses?: readonly number[];
  /** The machine of a memory image (raw, LiME, AVML). Default: found in its memory. */
  readonly machine?: Machine;
  /**
   * Reads damaged and cut-off dumps as far as possible: missing pages count as pages that the dump does not have, and
   * warnings count them (`CUT_OFF`, `MISSING_PAGES`).
   */
  readonly salvage?: boolean;
  /** The snapshot of a qcow2 disk image to read: its name or its number. Default: the newest that has memory. */
  readonly snapshot?: string;
  /**
   * Opens a named file, for callers that may not read every file: then no file is opened or looked at in any other way.
   * Default: opens it by its name.
   * @internal
   */
  readonly openFile?: (path: string) => FileHandle;
}

const RAW_PIECE: Shape<RawPiece> = { start: wholeNumber(0), end: maybe(wholeNumber(1)) };

/** Checks the options of `openDump`. */
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

/** Whether opening the dump in these files needs the readers in `FurtherReaders`. */
export function needsFurther(images: readonly SourceImage[], { raw, addresses }: OpenOptions): boolean {
  return (raw ?? addresses) !== undefined || images.some((image) => typeof formatOfImage(image)?.open === "string");
}

/**
 * Opens the dump in input files that are open. If it throws, the caller still has to close them. Otherwise like
 * `openDump`. `further` must be loaded if it is needed.
 */
export function openSources(
  images: readonly SourceImage[],
  warnings: Warnings,
  options: OpenOptions,
  further: FurtherReaders | undefined,
): Dump {
  return runAtOnce(openingOf(images, warnings, options, further));
}

/** The same, step by step. */
export function* openingOf(
  images: readonly SourceImage[],
  warnings: Warnings,
  options: OpenOptions,
  further: FurtherReaders | undefined,
): Opening {
  for (const { flattened } of images) {
    if (flattened?.cut !== undefined) warnings.add("CUT_OFF", flattened.cut.why);
  }
  const { machine, salvage = false, openFile: open = openFile, raw, addresses, snapshot } = options;
  const reading = { machine, salvage, warnings, snapshot, openFile: open };
  let found: Dump;
  try {
    found =
      addresses !== undefined
        ? openAddressed(images, addresses, raw, reading, further)
        : raw === undefined
          ? yield* opened(openFormats(images, reading, ofNoFormat, further))
          : yield* openRawImage(images, raw, reading, further);
  } catch (error) {
    throw salvage ? notSalvaged(error) : error;
  }
  const dump = closable({ ...translated(found), opened: openedAs(options) });
  const spool = images.find((image) => image.spool !== undefined)?.spool;
  if (spool === undefined) return dump;
  const from = spool.packing ?? "from a stream";
  const unpacked = spool.packing !== undefined;
  return { ...dump, header: { ...dump.header, description: `${dump.header.description}, ${from}`, unpacked } };
}

/** The dump with the translation of its page tables' addresses, if its notes have one. */
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

/** Opens files of bare memory, each with an address. */
function openAddressed(
  images: readonly SourceImage[],
  addresses: readonly number[],
  raw: RawPlace | undefined,
  options: FormatOptions,
  further: FurtherReaders | undefined,
): Dump {
  images.forEach(checkNoArchive);
  const withHeaders = images.find((image) => image.flattened !== undefined || formatOfImage(image) !== undefined);
  const problem =
    raw !== undefined
      ? `has an address behind its name, and ${OPTION.raw} was named`
      : withHeaders === undefined
        ? undefined
        : "is a dump with headers, not bare memory";
  if (problem === undefined) return loaded(further).openFiles(images, addresses, options);
  throw new DumpError("BAD_OPTION", problem, {
    file: (withHeaders ?? images[0])?.file.path,
    cure: raw === undefined ? "Leave out the address after its name" : "Leave out one of them",
  });
}

/**
 * Throws `NOT_A_DUMP` for an archive, which would be taken for memory that lies elsewhere. Nothing says which of its
 * files is memory.
 */
function checkNoArchive(image: SourceImage): void {
  const archive = archiveOf(headOf(image, ARCHIVE_HEAD));
  if (archive === undefined) return;
  const program = archive.name === "a tar archive" ? "tar xOf" : "unzip -p";
  throw new DumpError("NOT_A_DUMP", `is ${archive.name}, not bare memory`, {
    file: image.file.path,
    cure: `Take the memory out of it through a pipe: ${piped(`${program} ARCHIVE MEMBER`)}`,
  });
}

/** Opens bare memory, unless the file is clearly something else. */
function* openRawImage(
  images: readonly SourceImage[],
  place: RawPlace,
  options: FormatOptions,
  further: FurtherReaders | undefined,
): Opening {
  const first = images[0];
  if (first === undefined) throw noDump();
  checkNoArchive(first);
  const problem =
    images.length > 1
      ? `${images.length} inputs were named with ${OPTION.raw}, which takes one`
      : first.flattened !== undefined || formatOfImage(first) !== undefined
        ? "is a dump with headers, not bare memory"
        : undefined;
  if (problem === undefined) return yield* loaded(further).openRaw(first, place, options);
  throw new DumpError("BAD_OPTION", problem, {
    file: first.file.path,
    cure: images.length > 1 ? "Give each file its address instead: `FILE@0 FILE@4G`" : `Leave out ${OPTION.raw}`,
  });
}

/**
 * Checks the first bytes of a stream before all of it is read: it may be long, or never end. Throws `NOT_A_DUMP` if
 * they do not begin a dump; with `KNOWN_HEAD_SIZE` of them the error says what else the file is.
 */
export function checkHead(head: Uint8Array, name: string): void {
  if (!isDumpHead(head, name)) throw notADump(head, name);
}

/** Whether a file with this head (`HEAD_SIZE` bytes) is a dump. */
export function isDumpHead(head: Uint8Array, name: string): boolean {
  return isFlattened(head) || formatOf(head, { path: name }) !== undefined;
}

function ofNoFormat(image: SourceImage): DumpError {
  return notADump(headOf(image, KNOWN_HEAD_SIZE), image.file.path);
}

/** The error for a file with this head: says what the file is, if that is known. */
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
    cure: `Name the dump itself, as kdump, QEMU, libvirt, VMware, LiME or AVML wrote it${isTextHead(head) ? "" : `; for bare memory give ${OPTION.rawAuto}`}`,
  });
}

/** Bytes for a message: as text if they are printable. */
function beginning(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1");
  return /^[\x20-\x7e]+$/.test(text)
    ? JSON.stringify(text)
    : `the bytes ${Buffer.from(bytes)
        .toString("hex")
        .replace(/..(?=.)/g, "$& ")}`;
}
