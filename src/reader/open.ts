import { checkArgument, checkGiven, someFileNames } from "../option-shape.js";
import { aWarnings, Warnings } from "../warnings.js";
import type { Dump } from "./dump.js";
import { FURTHER } from "./further-formats.js";
import { OPEN_SHAPE, type OpenOptions, openSources } from "./open-sources.js";
import { addressedFiles } from "./raw/addressed-files.js";
import { closeOnce, openSource, type SourceImage } from "./source/source-image.js";

/**
 * Opens a dump by its content: an ELF vmcore, a kdump-compressed file, a LiME or AVML image, a QEMU migration stream,
 * any of them flattened, or all files of a split set (in any order); bare memory only with `raw`. The files are read in
 * place; `openInput` also opens streams and packed files. Throws `NOT_READABLE`, `NOT_A_DUMP`, `TRUNCATED`, `CORRUPT`,
 * `LIMIT`, `UNSUPPORTED`, `BAD_OPTION`.
 */
export function openDump(
  paths: string | readonly string[],
  warnings: Warnings = new Warnings(),
  options: OpenOptions = {},
): Dump {
  checkArgument("paths", paths, someFileNames);
  checkArgument("warnings", warnings, aWarnings);
  checkGiven(options, OPEN_SHAPE);
  const names = typeof paths === "string" ? [paths] : paths;
  const images: SourceImage[] = [];
  try {
    const addressed = addressedFiles(names);
    for (const name of addressed?.paths ?? names) images.push(openSource(name, options.salvage, options.openFile));
    return openSources(images, warnings, { ...options, ...(addressed && { addresses: addressed.addresses }) }, FURTHER);
  } catch (error) {
    closeOnce(images)();
    throw error;
  }
}
