import type { Packing } from "../../reader/source/packed/packing.js";
import { packGzip } from "./pack-gzip.js";
import { packLz4 } from "./pack-lz4.js";
import { packZstd } from "./pack-zstd.js";
import type { Packer, Put } from "./packer.js";

/**
 * Makes a packer with the default level of the tool of that name. `undefined`: passes the bytes on unchanged. Throws
 * `CODEC_MISSING`.
 */
export function createPacker(packing: Packing | undefined, put: Put): Packer {
  switch (packing) {
    case undefined:
      return { write: put, end: async () => undefined, abort: () => undefined };
    case "zstd":
      return packZstd(put);
    case "lz4":
      return packLz4(put);
    case "gzip":
      return packGzip(put);
  }
}
