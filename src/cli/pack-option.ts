import type { Packing } from "../reader/source/packed/packing.js";
import { shownUrl } from "../shown-address.js";

const SUFFIXES: Readonly<Record<string, Packing>> = { zst: "zstd", lz4: "lz4", gz: "gzip" };

/** The packing of an output: `--pack` decides, otherwise the suffix of its name. */
export function packingOfOutput(output: string | undefined, pack: Packing | "none" | undefined): Packing | undefined {
  if (pack !== undefined) return pack === "none" ? undefined : pack;
  const suffix = /\.([a-z0-9]+)$/i.exec(shownUrl(output ?? ""))?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(SUFFIXES, suffix) ? SUFFIXES[suffix] : undefined;
}
