import { nodeZstd, ZSTD_CHECKSUM, ZSTD_COMPRESSION_LEVEL, type ZstdNapi, zstdNapi } from "../../codec/zstd.js";
import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import { packThrough } from "./pack-through.js";
import type { Packer, Put } from "./packer.js";

/** zstd's own defaults: this level, and a checksum of the content. */
const LEVEL = 3;
/** ZSTD_EndDirective, of zstd.h. */
const CONTINUE = 0;
const END = 2;
const PIECE = 128 * 1024;
const NOTHING = new Uint8Array(0);

/** Makes one frame. Throws `CODEC_MISSING`. */
export function packZstd(put: Put): Packer {
  const binding = zstdNapi();
  if (binding !== undefined) return packWith(binding, put);
  const make = nodeZstd().createZstdCompress;
  if (make !== undefined) {
    return packThrough(
      make({ chunkSize: PIECE, params: { [ZSTD_COMPRESSION_LEVEL]: LEVEL, [ZSTD_CHECKSUM]: 1 } }),
      put,
    );
  }
  throw new DumpError("CODEC_MISSING", "the output is to be packed with zstd, which is not installed here", {
    cure: `Run \`npm install zstd-napi\`, use Node 22.15 or later, or pack with gzip (${OPTION.packGzip})`,
  });
}

function packWith(binding: ZstdNapi, put: Put): Packer {
  const context = new binding.CCtx();
  context.setParameter(ZSTD_COMPRESSION_LEVEL, LEVEL);
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
