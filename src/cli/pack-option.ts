import { DumpError } from "../errors.js";
import type { Packing } from "../reader/source/packed/packing.js";

const NAMES: readonly (Packing | "none")[] = ["zstd", "lz4", "gzip", "none"];
const SUFFIXES: Readonly<Record<string, Packing>> = { zst: "zstd", lz4: "lz4", gz: "gzip" };

/** How an output is packed: as `--pack` says, else by the suffix of its name. Throws `BAD_OPTION`. */
export function packingOfOutput(output: string | undefined, pack: string | undefined): Packing | undefined {
  if (pack === undefined) {
    const suffix = /\.([a-z0-9]+)$/i.exec(output ?? "")?.[1]?.toLowerCase() ?? "";
    return Object.hasOwn(SUFFIXES, suffix) ? SUFFIXES[suffix] : undefined;
  }
  const found = NAMES.find((name) => name === pack);
  if (found === undefined) {
    throw new DumpError("BAD_OPTION", `--pack ${pack}: there is no such packing`, {
      cure: `Write ${NAMES.slice(0, -1).join(", ")}, or none, whatever the name of the output ends with`,
    });
  }
  return found === "none" ? undefined : found;
}
