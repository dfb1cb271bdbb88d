/** The codecs of kdump pages, each from a source that has nothing to do with the code under test. */

import { createRequire } from "node:module";
import zlib from "node:zlib";
import { compressSync as snappyCompress } from "snappy";
import { lzoCompress } from "./lzo.js";

export type PageCodec = "raw" | "zlib" | "lzo" | "snappy" | "zstd";

/** The bit each codec has in page descriptors and in the header's status. */
export const CODEC_FLAGS: Readonly<Record<PageCodec, number>> = { raw: 0, zlib: 1, lzo: 2, snappy: 4, zstd: 0x20 };

type ZstdCompress = (data: Uint8Array) => Uint8Array;

let zstdCompress: ZstdCompress | undefined | null = null;

function findZstd(): ZstdCompress | undefined {
  const require = createRequire(import.meta.url);
  try {
    const napi = require("zstd-napi") as {
      compress: (data: Uint8Array, parameters: { compressionLevel: number }) => Uint8Array;
    };
    return (data) => napi.compress(data, { compressionLevel: 1 });
  } catch {
    const builtIn = zlib as unknown as { zstdCompressSync?: ZstdCompress };
    return builtIn.zstdCompressSync;
  }
}

/** Whether this machine can make zstd pages: by zstd-napi (optional) or a Node that has zstd. Tests skip without. */
export function zstdAvailable(): boolean {
  zstdCompress ??= findZstd();
  return zstdCompress !== undefined;
}

/** One page in the form the codec stores. May be longer than the page. */
export function compressPage(codec: PageCodec, data: Uint8Array): Uint8Array {
  switch (codec) {
    case "raw":
      return data;
    case "zlib":
      return zlib.deflateSync(data, { level: 1 });
    case "lzo":
      return lzoCompress(data);
    case "snappy":
      return snappyCompress(Buffer.from(data));
    case "zstd":
      if (!zstdAvailable() || !zstdCompress) {
        throw new Error("no zstd here: install the optional dependency zstd-napi, or ask zstdAvailable() and skip");
      }
      return zstdCompress(data);
  }
}
