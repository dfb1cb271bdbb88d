import type { WarningParts } from "../../warnings.js";
import type { Dump } from "../dump.js";
import type { Opening } from "../format.js";
import { attachSource, bytesHeld, type SourceImage } from "../source/source-image.js";
import { layOutFiles } from "./addressed-files.js";
import { findLayout, layoutText } from "./find-layout.js";
import { readRanges } from "./lime.js";
import { type MemoryOptions, memoryDump } from "./memory-dump.js";
import { layOut, type RawPiece, type RawPlace } from "./pieces.js";

/**
 * Opens a raw memory image. Throws `BAD_OPTION` if the pieces do not fit the file, or if nothing in the file shows
 * where the memory is.
 */
export function* openRaw(source: SourceImage, place: RawPlace, options: MemoryOptions): Opening {
  const { path: name, size } = source.file;
  const found =
    place === "auto" ? yield* findLayout(attachSource(source), bytesHeld(source), options.warnings) : undefined;
  const data = layOut(found?.pieces ?? (place as readonly RawPiece[]), size, name);
  const where = found === undefined ? "" : ` at ${layoutText(found.pieces)} ${found.by}`;
  return memoryDump(
    { sources: [source], data, format: "raw", description: `raw memory image${where}`, incomplete: false },
    options,
  );
}

/** Opens files of bare memory, each at its own address. Throws `BAD_OPTION` if they overlap. */
export function openFiles(sources: readonly SourceImage[], addresses: readonly number[], options: MemoryOptions): Dump {
  const data = layOutFiles(sources, addresses);
  const description = `raw memory image${sources.length > 1 ? `, ${sources.length} files` : ""}`;
  return memoryDump({ sources, data, format: "raw", description, incomplete: false }, options);
}

/** Opens a LiME or AVML file, flattened or not; with `salvage` as far as possible. Throws what `readRanges` throws. */
export function openRanges(source: SourceImage, options: MemoryOptions): Dump {
  const { format, data, littleEndian, cut } = readRanges(attachSource(source), options.salvage);
  if (cut !== undefined) options.warnings.add("CUT_OFF", behindCut(cut));
  const snappy = format === "avml";
  const description = snappy ? "AVML memory image" : `LiME memory image${littleEndian ? "" : ", big endian"}`;
  const incomplete = cut !== undefined || source.flattened?.cut !== undefined;
  return memoryDump({ sources: [source], data, snappy, format, description, incomplete }, options);
}

function behindCut({ summary, reason }: { readonly summary: string; readonly reason: string }): WarningParts {
  const what = "what lies behind was not read";
  return { summary: `${summary}; ${what}`, reason: `${reason}; ${what}` };
}
