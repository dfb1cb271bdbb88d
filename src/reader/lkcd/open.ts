import { DumpError } from "../../errors.js";
import { ofFile } from "../../warnings.js";
import { layer } from "../extents.js";
import type { FormatOptions, Opening } from "../format.js";
import { headerlessDump } from "../headerless-dump.js";
import { checkClaim, checkPageCount } from "../page-count.js";
import type { PagedImage } from "../paged/image.js";
import { listedExtents, pagedMemory } from "../paged/memory.js";
import { attachSource, bytesHeld, type SourceImage } from "../source/source-image.js";
import { pageSizeFromUnit } from "../vmcoreinfo.js";
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
  const { unit, machine, littleEndian, packing, version } = header;
  const whole = layer([{ start: 0, end: pages * unit, source: 0 }]);
  const memory = listedExtents({ memory: whole, index, unit });
  if (memory.count === 0)
    throw new DumpError("NOT_A_DUMP", "is an LKCD dump without a page", { file: source.name, cure: "Make it again" });
  const pageSize = pageSizeFromUnit(machine.arch, unit, source.name, warnings);
  const maxMapnr = Math.ceil((pages * unit) / pageSize);
  checkPageCount(maxMapnr, source.name);
  checkClaim(maxMapnr, bytesHeld(sourceImage), source.name);
  const image: PagedImage = {
    ...{ kind: "paged", source: sourceImage, pageSize, unit, memory, index },
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
    { image, machine, pageSize, maxMapnr, memory: pagedMemory(image) },
    memory,
    warnings,
  );
}
