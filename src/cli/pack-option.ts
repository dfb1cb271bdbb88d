import { DumpError } from "../errors.js";
import type { Packing } from "../reader/source/packed/packing.js";
import { shownUrl } from "../shown-address.js";

/** Suffixes of packers that are read, but not written. */
const READ_ONLY: Readonly<Record<string, string>> = { xz: "xz", bz2: "bzip2" };

const SUFFIXES: Readonly<Record<string, Packing>> = { zst: "zstd", lz4: "lz4", gz: "gzip" };

/**
 * The packing of an output: `--pack` decides, otherwise the suffix of its name. Throws `BAD_OPTION` for one that is not
 * written.
 */
export function packingOfOutput(output: string | undefined, pack: Packing | "none" | undefined): Packing | undefined {
  if (pack !== undefined) return pack === "none" ? undefined : pack;
  const suffix = /\.([a-z0-9]+)$/i.exec(shownUrl(output ?? ""))?.[1]?.toLowerCase() ?? "";
  if (Object.hasOwn(READ_ONLY, suffix)) {
    throw new DumpError("BAD_OPTION", `${READ_ONLY[suffix]} cannot be written`, {
      file: shownUrl(output ?? ""),
      cure: "Name a file that ends in .zst, .lz4 or .gz; `--pack none` writes a file of this name that is not packed",
    });
  }
  return Object.hasOwn(SUFFIXES, suffix) ? SUFFIXES[suffix] : undefined;
}
