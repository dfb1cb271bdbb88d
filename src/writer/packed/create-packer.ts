import type { Transform } from "node:stream";
import { zlib } from "../../codec/node-zlib.js";
import { nodeZstd, ZSTD_CHECKSUM, ZSTD_COMPRESSION_LEVEL, type ZstdNapi, zstdNapi } from "../../codec/zstd.js";
import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import type { Packing } from "../../reader/source/packed/packing.js";
import { packLz4 } from "./pack-lz4.js";
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

/** gzip's own default. */
const GZIP_LEVEL = 6;

/** Makes one member of a gzip file. zlib runs in a thread of libuv's pool. */
function packGzip(put: Put): Packer {
  return packThrough(zlib().createGzip({ level: GZIP_LEVEL, chunkSize: 65536 }), put);
}

/** Makes a packer from one of Node's streams. */
function packThrough(transform: Transform, put: Put): Packer {
  let failure: unknown;
  // Errors are reported by `pump` and by the writes.
  transform.on("error", () => undefined);
  const pump = async () => {
    for await (const chunk of transform) {
      try {
        await put(chunk as Uint8Array);
      } catch (error) {
        failure = error;
        throw error;
      }
    }
  };
  const pumped = pump();
  pumped.catch(() => undefined);
  return {
    write(bytes) {
      return new Promise((resolve, reject) => {
        transform.write(bytes, (error) => (error == null ? resolve() : reject(failure ?? error)));
      });
    },
    async end() {
      transform.end();
      await pumped;
    },
    abort: () => void transform.destroy(),
  };
}

/** zstd's own defaults: this level, and a checksum of the content. */
const ZSTD_LEVEL = 3;
/** ZSTD_EndDirective, of zstd.h. */
const CONTINUE = 0;
const END = 2;
const PIECE = 128 * 1024;
const NOTHING = new Uint8Array(0);

/** Makes one frame. Throws `CODEC_MISSING`. */
function packZstd(put: Put): Packer {
  const binding = zstdNapi();
  if (binding !== undefined) return packWith(binding, put);
  const make = nodeZstd().createZstdCompress;
  if (make !== undefined) {
    return packThrough(
      make({ chunkSize: PIECE, params: { [ZSTD_COMPRESSION_LEVEL]: ZSTD_LEVEL, [ZSTD_CHECKSUM]: 1 } }),
      put,
    );
  }
  throw new DumpError("CODEC_MISSING", "the output is to be packed with zstd, which is not installed here", {
    cure: `Run \`npm install zstd-napi\`, use Node 22.15 or later, or pack with gzip (${OPTION.packGzip})`,
  });
}

function packWith(binding: ZstdNapi, put: Put): Packer {
  const context = new binding.CCtx();
  context.setParameter(ZSTD_COMPRESSION_LEVEL, ZSTD_LEVEL);
  context.setParameter(ZSTD_CHECKSUM, 1);
  const step = async (data: Uint8Array, directive: number) => {
    let input = data;
    for (;;) {
      const out = Buffer.allocUnsafeSlow(PIECE);
      const [left, produced, consumed] = context.compressStream2(out, input, directive);
      input = input.subarray(consumed);
      if (produced > 0) await put(out.subarray(0, produced));
      if (directive === END ? left === 0 : input.length === 0 && produced < PIECE) return;
    }
  };
  return { write: (bytes) => step(bytes, CONTINUE), end: () => step(NOTHING, END), abort: () => undefined };
}
