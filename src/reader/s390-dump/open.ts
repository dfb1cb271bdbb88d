import { DumpError } from "../../errors.js";
import { ofFile } from "../../warnings.js";
import { s390Notes } from "../cpu-notes/s390x.js";
import type { Dump } from "../dump.js";
import type { FormatOptions } from "../format.js";
import { machineNamed } from "../machine.js";
import { rawMemory } from "../raw/image.js";
import { memoryDump } from "../raw/memory-dump.js";
import { CUT_OFF_CURE } from "../source/byte-source.js";
import type { SourceImage } from "../source/source-image.js";
import { readVolume, type Volume } from "./header.js";
import { endProblem, extendedPlaces, orderVolumes, plainPlaces } from "./places.js";
import { savedRegisters } from "./registers.js";

/**
 * Opens a stand-alone dump of s390: the content of a dump device that `zipl -d` prepared, or copies of all volumes of
 * one (`zipl -M`). Throws `UNSUPPORTED` for a 31-bit or packed dump, `BAD_OPTION` for files that are not all volumes of
 * one dump, `CORRUPT`, and `TRUNCATED` for a dump that is cut off, unless it is salvaged.
 */
export function openS390Dump(images: readonly SourceImage[], options: FormatOptions): Dump {
  const volumes = orderVolumes(images.map(readVolume), options.salvage);
  const first = volumes[0] as Volume;
  const sources = volumes.map(({ image }) => image);
  const { path } = first.image.file;
  const { data, zeros, cut, end } = first.extended ? extendedPlaces(volumes) : plainPlaces(volumes);
  if (cut !== undefined && !options.salvage) throw new DumpError("TRUNCATED", cut, { file: path, cure: CUT_OFF_CURE });
  if (cut !== undefined) options.warnings.add("CUT_OFF", ofFile(path, cut));
  const unfinished = end && endProblem(volumes[end.volume] as Volume, end.offset);
  if (unfinished !== undefined) options.warnings.add("INCOMPLETE", ofFile(path, unfinished));
  const machine = machineNamed("s390x");
  const all = zeros === undefined ? { data } : { data, zeros };
  const memory = rawMemory({ kind: "raw", sources, ...all, snappy: false, tolerant: false, pageSize: 4096 });
  return memoryDump(
    {
      ...{ sources, ...all, format: "s390", machine },
      description: `${first.extended ? "extended " : ""}s390 stand-alone dump${volumes.length > 1 ? `, ${volumes.length} volumes` : ""}`,
      incomplete: cut !== undefined || unfinished !== undefined,
      timestamp: secondsOf(first.clock),
      noteArea: s390Notes(savedRegisters(first, memory)),
    },
    options,
  );
}

/** The machine's clock counts units of 2^-12 microseconds since 1900; the constant is 1970. */
function secondsOf(clock: bigint): number {
  return Math.max(0, Number((clock - 0x7d91_048b_ca00_0000n) >> 12n) / 1e6);
}
