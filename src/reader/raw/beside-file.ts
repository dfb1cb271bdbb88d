import { closeSync } from "node:fs";
import { DumpError, systemErrorCode } from "../../errors.js";
import { either, OPTION } from "../../option-words.js";
import { ofFile } from "../../warnings.js";
import { damagedFileError } from "../damage.js";
import { type Extents, layer, type Piece } from "../extents.js";
import type { FormatOptions } from "../format.js";
import { fileSource } from "../source/byte-source.js";
import { sourceSize } from "../source/joined-source.js";
import { packingOf } from "../source/packed/packing.js";
import type { SourceImage } from "../source/source-image.js";

/** A file with the memory of a state file. */
export interface BesideFile {
  readonly image: SourceImage;
  /** Closes the file, if it was opened here. */
  close(): void;
}

/** Names of both files, as an example in a cure. */
export interface PairNames {
  readonly state: string;
  readonly memory: string;
}

/**
 * The file with the memory of a state file: the one that the user named with it, or one in the same folder, whose path
 * `besideOf` makes from the state's. Throws `NOT_READABLE` if there is none, `BAD_OPTION` if it is packed and the user
 * did not name it, or if its name is not known.
 */
export function memoryBeside(
  state: SourceImage,
  named: SourceImage | undefined,
  names: PairNames,
  besideOf: ((path: string) => string) | undefined,
  { openFile }: Pick<FormatOptions, "openFile">,
): BesideFile {
  if (named !== undefined) return { image: named, close: () => undefined };
  const { path } = state.file;
  const { state: first, memory } = names;
  const cure = `Give both files, the state and its memory: ${either(`\`coresieve ${first} ${memory} OUT\``, `\`openDump(["${first}", "${memory}"])\``)}`;
  if (besideOf === undefined || state.spool !== undefined || state.remote !== undefined) {
    const where = besideOf === undefined ? "which was not named" : "which coresieve cannot look for here";
    throw new DumpError("BAD_OPTION", `has its memory in another file, ${where}`, { file: path, cure });
  }
  const beside = besideOf(path);
  let file: ReturnType<typeof openFile>;
  try {
    file = openFile(beside);
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    const what = `has its memory in another file, and ${beside} ${error.what}`;
    const isForbidden = ["EACCES", "EPERM"].includes(systemErrorCode(error.cause) ?? "");
    throw error.with({ what, file: path, ...(!isForbidden && { cure }) });
  }
  const close = () => closeSync(file.fd);
  const head = new Uint8Array(8);
  try {
    if (packingOf(head.subarray(0, fileSource(file).read(head, 0))) !== undefined) {
      throw new DumpError("BAD_OPTION", "is packed, and was not named", { file: beside, cure });
    }
  } catch (error) {
    close();
    throw error;
  }
  return { image: { file, flattened: undefined }, close };
}

/** Where the memory of a state is in its files, according to the state. */
export interface StatedMemory {
  /** `source` counts bytes of the memory. */
  readonly pieces: readonly Piece[];
  /** Number of bytes of memory that the files have, and the place of the first one, counted over all files. */
  readonly size: number;
  readonly base: number;
}

/**
 * Lays the memory out. Throws `CORRUPT` for ranges that overlap, and `TRUNCATED` for a memory file that is shorter than
 * its state says; with `salvage` that file is read as far as possible (`cut`). A memory file that is longer is a
 * warning.
 */
export function layOutMemory(
  { pieces, size, base }: StatedMemory,
  state: SourceImage,
  memory: SourceImage,
  { salvage, warnings }: Pick<FormatOptions, "salvage" | "warnings">,
): { readonly data: Extents; readonly cut: boolean } {
  const sorted = [...pieces].sort((a, b) => a.start - b.start);
  if (sorted.some(({ start }, i) => i > 0 && start < (sorted[i - 1] as Piece).end)) {
    throw damagedFileError("CORRUPT", state.file.path, "describes ranges of memory that overlap");
  }
  const needed = pieces.reduce((most, { start, end, source }) => Math.max(most, source + end - start), 0);
  const file = memory.file.path;
  const what = `has ${size} bytes of memory, but ${state.file.path} describes ${needed}`;
  if (needed > size) {
    if (!salvage) {
      throw new DumpError("TRUNCATED", what, {
        file,
        cure: `It is of another state, or was cut off: give the memory of this state, or use ${OPTION.salvage} for what is there of it`,
      });
    }
    warnings.add("CUT_OFF", ofFile(file, what));
  } else if (needed < size) {
    warnings.add("MORE_BYTES", ofFile(file, `${what}: the rest was not read`));
  }
  const there = pieces.map(({ start, end, source }) => ({
    start,
    end: Math.min(end, start + Math.max(0, size - source)),
    source: base + source,
  }));
  return { data: layer(there), cut: needed > size };
}

/** The bytes of a file that has memory from its first byte on. They count on from those of its state file. */
export function behindState(state: SourceImage, memory: SourceImage): { readonly size: number; readonly base: number } {
  return { size: sourceSize(memory), base: sourceSize(state) };
}
