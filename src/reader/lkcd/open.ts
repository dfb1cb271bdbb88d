import { DumpError } from "../../errors.js";
import { ofFile } from "../../warnings.js";
import { layer } from "../extents.js";
import type { FormatOptions, Opening } from "../format.js";
import { headerlessDump } from "../headerless-dump.js";
import type { PagedImage } from "../paged/image.js";
import { listedExtents, pagedMemory } from "../paged/memory.js";
import { attachSource, bytesHeld, type SourceImage } from "../source/source-image.js";
import { readLkcdHeader } from "./header.js";
import { readRecords } from "./records.js";

/**
 * Opens a dump of LKCD; with `salvage`, reads a dump that is cut off as far as possible. Throws `UNSUPPORTED`,
 * `CORRUPT`, `TRUNCATED`, `LIMIT`.
 */
export function* openLkcd(sourceImage: SourceImage, { salvage, warnings }: FormatOptions): Opening {
  const source = attachSource(sourceImage);
  const header = readLkcdHeader(source);
  const { index, pages, cut } = yield* readRecords(source, header, bytesHeld(sourceImage), salvage);
  if (cut !== undefined && !salvage) throw cut;
  if (cut !== undefined) warnings.add("CUT_OFF", ofFile(source.name, cut.reason));
  const { pageSize, machine, littleEndian, packing, version } = header;
  const whole = layer([{ start: 0, end: pages * pageSize, source: 0 }]);
  const memory = listedExtents({ memory: whole, index, unit: pageSize });
  if (memory.count === 0)
    throw new DumpError("NOT_A_DUMP", "is an LKCD dump without a page", { file: source.name, cure: "Make it again" });
  const image: PagedImage = {
    ...{ kind: "paged", source: sourceImage, pageSize, unit: pageSize, memory, index },
    records: { littleEndian, isRle: packing === "rle" },
    unlistedAreZero: false,
    tolerant: salvage,
  };
  return headerlessDump(
    [sourceImage],
    {
      ...{ description: `LKCD dump, version ${version}`, format: "lkcd", incomplete: cut !== undefined },
      codecs: packing === "none" ? [] : [packing],
      timestamp: header.timestamp === 0 ? undefined : header.timestamp,
    },
    { image, machine, pageSize, maxMapnr: pages, memory: pagedMemory(image) },
    memory,
    warnings,
  );
}
