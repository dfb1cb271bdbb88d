import { createRequire } from "node:module";
import type { Transform } from "node:stream";
import { zlib } from "../../codec/node-zlib.js";
import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import { packThrough } from "./pack-through.js";
import type { Packer, Put } from "./packer.js";

/** The parts used of zstd-napi's binding and of the zlib of Node 22.15 and later, which Node 20's types do not have. */
interface ZstdBinding {
  readonly CCtx: new () => {
    setParameter(parameter: number, value: number): void;
    /** ZSTD_compressStream2: returns bytes that are to be flushed still, bytes written, bytes read. */
    compressStream2(
      into: Uint8Array,
      data: Uint8Array,
      directive: number,
    ): [left: number, produced: number, consumed: number];
  };
}
interface ZlibWithZstd {
  readonly createZstdCompress?: (options: { chunkSize: number; params: Record<number, number> }) => Transform;
}

/** As `zstd` has it: this level, and a checksum of the content. */
const LEVEL = 3;
/** ZSTD_cParameter and ZSTD_EndDirective, of zstd.h. */
const COMPRESSION_LEVEL = 100;
const CHECKSUM = 201;
const CONTINUE = 0;
const END = 2;
const PIECE = 128 * 1024;
const NOTHING = new Uint8Array(0);

/** One frame. Throws `CODEC_MISSING`. */
export function packZstd(put: Put): Packer {
  const binding = napiZstd();
  if (binding !== undefined) return packWith(binding, put);
  const make = (zlib() as ZlibWithZstd).createZstdCompress;
  if (make !== undefined) {
    return packThrough(make({ chunkSize: PIECE, params: { [COMPRESSION_LEVEL]: LEVEL, [CHECKSUM]: 1 } }), put);
  }
  throw new DumpError("CODEC_MISSING", "the output is to be packed with zstd, which is not installed here", {
    cure: `Run \`npm install zstd-napi\`, use Node 22.15 or later, or pack with gzip (${OPTION.packGzip})`,
  });
}

function napiZstd(): ZstdBinding | undefined {
  try {
    return createRequire(import.meta.url)("zstd-napi/binding.js") as ZstdBinding;
  } catch {
    // Not installed, or not built for this machine.
    return undefined;
  }
}

function packWith(binding: ZstdBinding, put: Put): Packer {
  const context = new binding.CCtx();
  context.setParameter(COMPRESSION_LEVEL, LEVEL);
  context.setParameter(CHECKSUM, 1);
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
