import { DumpError } from "../../errors.js";
import type { Dump } from "../dump.js";
import type { Piece } from "../extents.js";
import type { FormatOptions } from "../format.js";
import { type Arch, machineNamed } from "../machine.js";
import { behindState, layOutMemory, memoryBeside } from "../raw/beside-file.js";
import { memoryDump } from "../raw/memory-dump.js";
import { readExactly } from "../source/byte-source.js";
import { sourceSize } from "../source/joined-source.js";
import { attachSource, type SourceImage } from "../source/source-image.js";
import { listedRanges, rangesIn } from "./range-lists.js";
import { firecrackerArch } from "./state-head.js";

/*
 * Snapshots of Firecracker (PUT /snapshot/create): the memory, one range after the other without a header, and a state
 * file. The state file has a u64 magic with the format's version in its low 16 bits, then the machine's state in an
 * encoding that changes with each release. Until 1.13 it contains the list of ranges as plain numbers. Later versions
 * pack their numbers (bitcode), and have memory where Firecracker's own layout puts it (src/vmm/src/arch of its
 * sources).
 */

/** Firecracker itself reads no longer state. */
const MAX_STATE = 10_485_760;
const GIB = 2 ** 30;
/** Where memory may be, in ascending order: it fills each room before the next. */
const ROOMS: Readonly<Partial<Record<Arch, readonly (readonly [start: number, end: number])[]>>> = {
  x86_64: [
    [0, 3 * GIB],
    [4 * GIB, 256 * GIB],
    [512 * GIB, 2 ** 46],
  ],
  arm64: [
    [2 * GIB, 256 * GIB],
    [512 * GIB, 2 ** 46],
  ],
};

/** The pieces of a memory of this size, if the state does not have them as plain numbers. */
function usualPieces(arch: Arch, size: number): Piece[] {
  const pieces: Piece[] = [];
  let source = 0;
  for (const [start, end] of ROOMS[arch] ?? []) {
    const length = Math.min(size - source, end - start);
    if (length > 0) pieces.push({ start, end: start + length, source });
    source += Math.max(0, length);
  }
  return pieces;
}

/**
 * Opens a snapshot: the state file, and the memory file that the user named. Throws `BAD_OPTION` without a memory file,
 * `CORRUPT`, `TRUNCATED`, `LIMIT`.
 */
export function openFirecracker(images: readonly SourceImage[], options: FormatOptions): Dump {
  const [state, named] = images as readonly [SourceImage, SourceImage | undefined];
  const { image } = memoryBeside(state, named, { state: "SNAPSHOT", memory: "MEMORY" }, undefined, options);
  const source = attachSource(state);
  if (source.size > MAX_STATE) {
    throw new DumpError("LIMIT", `is a state file of ${source.size} bytes; at most ${MAX_STATE} are read`, {
      file: source.name,
      cure: "Give the state file (snapshot_path), and the memory file (mem_file_path) with it",
    });
  }
  const bytes = readExactly(source, 0, source.size, "state");
  const arch = firecrackerArch(bytes) as Arch;
  // A list that does not fill the file still counts: then the file belongs to another state, or is cut off.
  const stated = rangesIn(bytes, sourceSize(image)) ?? listedRanges(bytes, ROOMS[arch]?.[0]?.[0] ?? 0);
  const pieces = stated ?? usualPieces(arch, sourceSize(image));
  const { data, cut } = layOutMemory({ pieces, ...behindState(state, image) }, state, image, options);
  const how = stated === undefined ? "laid out as Firecracker does" : "laid out by its state";
  return memoryDump(
    {
      sources: [state, image],
      data,
      format: "firecracker",
      description: `Firecracker snapshot, memory in ${image.file.path}, ${how}`,
      incomplete: cut,
      machine: machineNamed(arch),
    },
    options,
  );
}
