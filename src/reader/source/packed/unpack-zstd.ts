import { createRequire } from "node:module";
import type { Transform } from "node:stream";
import * as zlib from "node:zlib";
import { DumpError } from "../../../errors.js";
import { piped } from "../../../option-words.js";

/** The parts used of zstd-napi's binding and of the zlib of Node 22.15 and later, which Node 20's types do not have. */
interface ZstdBinding {
  readonly DCtx: new () => {
    /** ZSTD_decompressStream: returns 0 at the end of a frame, bytes written, bytes read. */
    decompressStream(into: Uint8Array, data: Uint8Array): [hint: number, produced: number, consumed: number];
  };
}
interface ZlibWithZstd {
  readonly createZstdDecompress?: (options: { chunkSize: number }) => Transform;
}

/** Bytes unpacked at once: a block of zstd at most. */
const PIECE = 128 * 1024;

/** A stream that ends within a frame. */
export class UnexpectedEnd extends Error {}

/** zstd-napi's streaming, if it is installed. */
export function zstdUnpacker(): ((chunks: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array>) | undefined {
  try {
    const binding = createRequire(import.meta.url)("zstd-napi/binding.js") as ZstdBinding;
    return (chunks) => unpackFrames(binding, chunks);
  } catch {
    return undefined;
  }
}

/** Frames behind each other, those to pass over among them. */
async function* unpackFrames(
  binding: ZstdBinding,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const context = new binding.DCtx();
  let inFrame = false;
  for await (const chunk of chunks) {
    let input = chunk;
    for (;;) {
      const out = Buffer.allocUnsafeSlow(PIECE);
      const [hint, produced, consumed] = context.decompressStream(out, input);
      if (produced > 0) yield out.subarray(0, produced);
      input = input.subarray(consumed);
      inFrame = hint !== 0;
      if (input.length === 0 && (produced < PIECE || !inFrame)) break;
    }
  }
  if (inFrame) throw new UnexpectedEnd("unexpected end");
}

/** Node's own, where it has it. Throws `CODEC_MISSING`. */
export function builtInZstdStream(name: string): Transform {
  const make = (zlib as ZlibWithZstd).createZstdDecompress;
  if (make !== undefined) return make({ chunkSize: PIECE });
  throw new DumpError("CODEC_MISSING", "is packed with zstd, and zstd is not installed here", {
    file: name,
    cure: `Run \`npm install zstd-napi\`, use Node 22.15 or later, or unpack it first: ${piped("zstd -dc FILE")}`,
  });
}
