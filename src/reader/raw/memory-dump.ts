import { DumpError } from "../../errors.js";
import type { Warnings } from "../../warnings.js";
import type { Dump, DumpHeader } from "../dump.js";
import { type Extents, type Piece, toExtents } from "../extents.js";
import { pagesIn } from "../extents-memory.js";
import { headerlessDump } from "../headerless-dump.js";
import { factsOf, type Machine, USUAL_MACHINE } from "../machine.js";
import { checkClaim, checkData, checkPageCount } from "../page-count.js";
import { bytesHeld, type SourceImage } from "../source/source-image.js";
import { type RawImage, rawMemory } from "./image.js";

/** What the reader of a memory image returns: its memory, where that is, and the file's own facts. */
export interface MemoryFile {
  /** All input files; `data` counts their bytes as if they were one file. The dump closes them. */
  readonly sources: readonly SourceImage[];
  /** See `RawImage`. */
  readonly data: Extents;
  readonly snappy?: boolean;
  /** See `RawImage`. Must not overlap `data`. */
  readonly zeros?: Extents;
  readonly format: DumpHeader["format"];
  /** For people. */
  readonly description: string;
  readonly incomplete: boolean;
  /** Seconds since 1970. */
  readonly timestamp?: number;
  /** The machine, if the format has it. */
  readonly machine?: Machine | undefined;
  /** Registers of the CPUs as ELF notes: see cpu-notes/. */
  readonly noteArea?: Uint8Array;
}

/** How to read the memory of a file. */
export interface MemoryOptions {
  /** The machine that the user named; it is preferred. */
  readonly machine: Machine | undefined;
  readonly salvage: boolean;
  readonly warnings: Warnings;
}

/** The dump of a memory image. Throws `NOT_A_DUMP` for one without memory, `LIMIT`. */
export function memoryDump(memory: MemoryFile, { machine: given, salvage, warnings }: MemoryOptions): Dump {
  const { sources, data, zeros, snappy = false, format, description, incomplete, timestamp } = memory;
  const known = given ?? memory.machine;
  const machine = known ?? USUAL_MACHINE;
  const { pageSize } = factsOf(machine.arch);
  const name = sources.map(({ file }) => file.path).join(", ");
  if (data.count === 0) {
    throw new DumpError("NOT_A_DUMP", "is a memory image without any memory", {
      file: name,
      cure: "Make the image again",
    });
  }
  const all = zeros === undefined ? data : bothExtents(data, zeros);
  const maxMapnr = Math.ceil((all.end[all.count - 1] as number) / pageSize);
  checkPageCount(maxMapnr, name);
  const held = bytesHeld(...sources);
  checkClaim(pagesIn(all, pageSize), held, name);
  if (!sources.some(({ file }) => file.live)) checkData(all, held, name);
  const image: RawImage = { kind: "raw", sources, pageSize, data, snappy, tolerant: salvage, ...(zeros && { zeros }) };
  const codecs = snappy ? ["snappy"] : [];
  return headerlessDump(
    sources,
    { description, format, incomplete, codecs, timestamp, noteArea: memory.noteArea },
    { image, machine, machineGuessed: known === undefined, pageSize, maxMapnr, memory: rawMemory(image) },
    all,
    warnings,
  );
}

/** The pieces of both in ascending order, for callers that need no `source`. */
function bothExtents(one: Extents, other: Extents): Extents {
  const pieces: Piece[] = [];
  for (const { count, start, end } of [one, other]) {
    for (let i = 0; i < count; i++) pieces.push({ start: start[i] as number, end: end[i] as number, source: 0 });
  }
  return toExtents(pieces.sort((a, b) => a.start - b.start));
}
