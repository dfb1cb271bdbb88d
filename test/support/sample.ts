import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";

let unpacked: Buffer | undefined;

/** The dump in samples/: of a real kernel, in every clone. The caller may change the bytes. */
export function sampleDump(): Buffer {
  unpacked ??= brotliDecompressSync(readFileSync(new URL("../../samples/linux-6.1-x86_64.vmcore.br", import.meta.url)));
  return Buffer.from(unpacked);
}
