import { DumpError } from "../errors.js";
import {
  aFlag,
  aFunction,
  anObject,
  aText,
  hasMembers,
  listOf,
  maybe,
  type Shape,
  suchThat,
  wholeNumber,
} from "../option-shape.js";
import { OPTION } from "../option-words.js";
import type { Warnings } from "../warnings.js";

import type { Dump, OpenedAs } from "./dump.js";
import { isFlattened } from "./flattened/records.js";
import type { FormatOptions } from "./format.js";
import { formatOf, formatOfImage, headOf, loaded, noDump, openFormats } from "./formats.js";
import { framesOf, withFrames } from "./frames.js";
import type { FurtherReaders } from "./further-formats.js";
import { KNOWN_HEAD_SIZE, knownFile, knownName } from "./known-files.js";
import type { Machine } from "./machine.js";
import { type Opening, openAtOnce, opened } from "./opening.js";
import type { RawPiece, RawPlace } from "./raw/pieces.js";
import { type FileHandle, openFile } from "./source/byte-source.js";
import type { SourceImage } from "./source/source-image.js";

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

/** Whether the dump in these files is opened by what `FurtherReaders` has. */
export function needsFurther(images: readonly SourceImage[], { raw, addresses }: OpenOptions): boolean {
  return (raw ?? addresses) !== undefined || images.some((image) => typeof formatOfImage(image)?.open === "string");
}

/**
 * Opens the dump in input files that are open; if it throws they stay the caller's to close. As `openDump` otherwise. `further` is there
 * where it is needed.
 */
export function openSources(
  images: readonly SourceImage[],
  warnings: Warnings,
  options: OpenOptions,
  further: FurtherReaders | undefined,
): Dump {
  return openAtOnce(openingOf(images, warnings, options, further));
}

/** The same step by step. */
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
  const found =
    addresses !== undefined
      ? openAddressed(images, addresses, raw, reading, further)
      : raw === undefined
        ? yield* opened(openFormats(images, reading, ofNoFormat, further))
        : openRawImage(images, raw, reading, further);
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
  further: FurtherReaders | undefined,
): Dump {
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

/** Bare memory is opened as that, unless it is plainly something else. */
function openRawImage(
  images: readonly SourceImage[],
  place: RawPlace,
  options: FormatOptions,
  further: FurtherReaders | undefined,
): Dump {
  const first = images[0];
  if (first === undefined) throw noDump();
  const problem =
    images.length > 1
      ? `${images.length} inputs were named with ${OPTION.raw}, which takes one`
      : first.flattened !== undefined || formatOfImage(first) !== undefined
        ? "is a dump with headers, not bare memory"
        : undefined;
  if (problem === undefined) return loaded(further).openRaw(first, place, options);
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
