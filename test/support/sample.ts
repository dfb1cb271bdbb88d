import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";

/** The dump in samples/: of a real kernel, in every clone. */
export function sampleDump(): Buffer {
  return brotliDecompressSync(readFileSync(new URL("../../samples/linux-6.1-x86_64.vmcore.br", import.meta.url)));
}
