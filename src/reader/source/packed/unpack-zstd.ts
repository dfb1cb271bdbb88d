import type { Transform } from "node:stream";
import { nodeZstd, type ZstdNapi, zstdNapi } from "../../../codec/zstd.js";
import { DumpError } from "../../../errors.js";
import { piped } from "../../../option-words.js";

/** Bytes that are unpacked at once: at most a block of zstd. */
const PIECE = 128 * 1024;

/** A stream ended within a frame. */
export class UnexpectedEnd extends Error {}

/** zstd-napi's streaming, if it is installed. */
export function zstdUnpacker(): ((chunks: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array>) | undefined {
  const napi = zstdNapi();
  return napi && ((chunks) => unpackFrames(napi, chunks));
}

/** Unpacks consecutive frames, and skips skippable ones. */
async function* unpackFrames(
  binding: ZstdNapi,
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

/** Node's own zstd stream. Throws `CODEC_MISSING` if this Node lacks it. */
export function builtInZstdStream(name: string): Transform {
  const make = nodeZstd().createZstdDecompress;
  if (make !== undefined) return make({ chunkSize: PIECE });
  throw new DumpError("CODEC_MISSING", "is packed with zstd, and zstd is not installed here", {
    file: name,
    cure: `Run \`npm install zstd-napi\`, use Node 22.15 or later, or unpack it first: ${piped("zstd -dc FILE")}`,
  });
}
