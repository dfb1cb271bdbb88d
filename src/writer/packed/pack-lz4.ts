import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import { isSingleExecutable } from "../../program-files.js";
import { LZ4_LENGTH_SIZE, lz4Binding } from "../../reader/source/packed/lz4-block.js";
import { descriptorChecksum } from "../../reader/source/packed/lz4-frames.js";
import { LZ4_MAGIC } from "../../reader/source/packed/packing.js";
import { XxHash32 } from "../../reader/source/packed/xxhash32.js";
import type { Packer, Put } from "./packer.js";

/** Independent blocks of 1 MiB, and a checksum of the content (lz4_Frame_format.md, version 1.6). */
const FLAGS = 0b0110_0100;
const BLOCK_SIZE_ID = 6;
const BLOCK = 1 << 20;
const STORED = 0x8000_0000;
/** Blocks that are compressed at the same time, in the threads of libuv's pool. */
const IN_FLIGHT = 4;

/** Makes one frame. Throws `CODEC_MISSING`. */
export function packLz4(put: Put): Packer {
  const lz4 = lz4Binding();
  if (lz4 === undefined) {
    throw isSingleExecutable()
      ? new DumpError("CODEC_MISSING", "the output is to be packed with LZ4, which the single executable does not do", {
          cure: `Pack with zstd or gzip (${OPTION.packGzip})`,
        })
      : new DumpError("CODEC_MISSING", "the output is to be packed with LZ4, and lz4-napi is not installed here", {
          cure: `Run \`npm install lz4-napi\`, or pack with gzip (${OPTION.packGzip})`,
        });
  }
  const hash = new XxHash32();
  const pending: { readonly block: Buffer; readonly packed: Promise<Buffer> }[] = [];
  let block = Buffer.allocUnsafeSlow(BLOCK);
  let fill = 0;
  let begun = false;

  const store = async () => {
    const next = pending.shift();
    if (next === undefined) return;
    const packed = await next.packed;
    const stored = packed.length - LZ4_LENGTH_SIZE >= next.block.length;
    const data = stored ? next.block : packed.subarray(LZ4_LENGTH_SIZE);
    await put(word(stored ? (data.length | STORED) >>> 0 : data.length));
    await put(data);
  };
  const flush = async () => {
    if (!begun) await put(frameHeader());
    begun = true;
    if (fill === 0) return;
    const whole = block.subarray(0, fill);
    hash.update(whole);
    const packed = lz4.compress(whole);
    // The promise is awaited later.
    packed.catch(() => undefined);
    pending.push({ block: whole, packed });
    block = Buffer.allocUnsafeSlow(BLOCK);
    fill = 0;
    if (pending.length > IN_FLIGHT) await store();
  };
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const n = Math.min(BLOCK - fill, bytes.length - at);
        block.set(bytes.subarray(at, at + n), fill);
        fill += n;
        at += n;
        if (fill === BLOCK) await flush();
      }
    },
    async end() {
      await flush();
      while (pending.length > 0) await store();
      await put(Buffer.concat([word(0), word(hash.digest())]));
    },
    abort: () => undefined,
  };
}

function frameHeader(): Buffer {
  const descriptor = Buffer.from([FLAGS, BLOCK_SIZE_ID << 4]);
  return Buffer.concat([word(LZ4_MAGIC), descriptor, Buffer.from([descriptorChecksum(descriptor)])]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value, 0);
  return bytes;
}
