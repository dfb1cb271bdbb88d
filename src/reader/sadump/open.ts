import { DumpError } from "../../errors.js";
import { ofFile } from "../../warnings.js";
import { x86Notes } from "../cpu-notes/x86_64.js";
import type { Dump } from "../dump.js";
import { layer, type Piece } from "../extents.js";
import type { FormatOptions } from "../format.js";
import { machineNamed } from "../machine.js";
import { checkClaim, checkPageCount } from "../page-count.js";
import { memoryDump } from "../raw/memory-dump.js";
import { CUT_OFF_CURE } from "../source/byte-source.js";
import { sourceSize } from "../source/joined-source.js";
import { attachSource, bytesHeld, type SourceImage } from "../source/source-image.js";
import { readCpus } from "./cpus.js";
import { BLOCK, readDisk, readDumpHeader, type SadumpDisk } from "./header.js";
import { readSadumpPages } from "./pages.js";

const WHOLE_SET = "Name the copies of all partitions of one disk set, and nothing else";

/**
 * Opens a dump of sadump: copies of the partition, or of all partitions of a disk set. Throws `BAD_OPTION` for files
 * that are not one complete set, `CORRUPT`, `LIMIT`, and `TRUNCATED` if pages are missing, unless it is salvaged.
 */
export function openSadump(images: readonly SourceImage[], options: FormatOptions): Dump {
  const disks = wholeSet(images.map((image) => readDisk(image)));
  const first = disks[0] as SadumpDisk;
  const source = attachSource(first.image);
  const header = readDumpHeader(first);
  checkPageCount(header.maxMapnr, source.name);
  checkClaim(
    header.maxMapnr,
    disks.reduce((sum, { image }) => sum + bytesHeld(image), 0),
    source.name,
  );
  const { stored, zeros } = readSadumpPages(source, header);
  const rooms = roomsOf(disks, header.pages);
  const pieces = placed(stored, rooms);
  const lost = sizeOf(stored) - sizeOf(pieces);
  const written = Math.max(0, sizeOf(stored) / BLOCK - header.written);
  if (lost > 0) {
    const what = `lacks ${lost / BLOCK} pages that its headers describe`;
    const cure = first.number === 0 ? CUT_OFF_CURE : `${WHOLE_SET}. If these are all, one was cut off: copy it again`;
    if (!options.salvage) throw new DumpError("TRUNCATED", what, { file: source.name, cure });
    options.warnings.add("CUT_OFF", ofFile(source.name, what));
  } else if (written > 0) {
    options.warnings.add("INCOMPLETE", ofFile(source.name, `was not finished: ${written} pages were not written`));
  }
  const parts = disks.length > 1 ? `, a set of ${disks.length} disks` : "";
  return memoryDump(
    {
      ...{ sources: disks.map(({ image }) => image), data: layer(pieces), zeros: layer(zeros), format: "sadump" },
      description: `sadump dump${parts}`,
      incomplete: lost > 0 || written > 0,
      ...(header.timestamp === undefined ? {} : { timestamp: header.timestamp }),
      machine: machineNamed("x86_64"),
      noteArea: x86Notes(readCpus(source, header)),
    },
    options,
  );
}

/** Sorts the disks and checks that the set is complete. */
function wholeSet(disks: readonly SadumpDisk[]): SadumpDisk[] {
  const sorted = [...disks].sort((a, b) => a.number - b.number);
  const [first] = sorted as [SadumpDisk];
  if (sorted.length === 1 && first.number <= 1) return sorted;
  const cure = WHOLE_SET;
  const strange = sorted.find(({ ids, number }) => ids !== first.ids || number === 0);
  if (strange !== undefined)
    throw new DumpError("BAD_OPTION", "is not of the same disk set", { file: strange.image.file.path, cure });
  const missing = sorted.findIndex(({ number }, i) => number !== i + 1);
  if (missing >= 0) {
    const file = (sorted[missing] as SadumpDisk).image.file.path;
    throw new DumpError("BAD_OPTION", `disk ${missing + 1} of its set was not named, or another one twice`, {
      file,
      cure,
    });
  }
  return sorted;
}

/**
 * Where pages are stored: in each disk behind its headers, up to the bytes that are used. Places count all files as if
 * they were one.
 */
function roomsOf(disks: readonly SadumpDisk[], pages: number): Piece[] {
  const rooms: Piece[] = [];
  let [base, at] = [0, 0];
  disks.forEach(({ image, number, used }, i) => {
    const begin = i === 0 ? pages : BLOCK;
    const size = sourceSize(image);
    // For a dump on one disk, the pages reach to the end of its file: the number of used bytes is the disk's.
    const end = number === 0 ? size : Math.min(size, used);
    const whole = number === 0 ? Number.MAX_SAFE_INTEGER : Math.max(0, used - begin);
    const there = Math.max(0, end - begin);
    rooms.push({ start: at, end: at + there, source: base + begin });
    at += Math.min(whole, Number.MAX_SAFE_INTEGER - at);
    base += size;
  });
  return rooms;
}

/**
 * Pieces of memory as they are stored in the disks; memory that no disk has is left out. Both lists ascend by their
 * places.
 */
function placed(stored: readonly Piece[], rooms: readonly Piece[]): Piece[] {
  const found: Piece[] = [];
  for (const { start, end, source } of stored) {
    for (const room of rooms) {
      const from = Math.max(source, room.start);
      const to = Math.min(source + end - start, room.end);
      if (to > from)
        found.push({ start: start + from - source, end: start + to - source, source: room.source + from - room.start });
    }
  }
  return found;
}

function sizeOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, { start, end }) => sum + end - start, 0);
}
