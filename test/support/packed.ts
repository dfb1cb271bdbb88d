/** Packed streams as other programs write them: gzip by Node, zstd by libzstd, LZ4 by lz4_flex or block by block. */
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { xxHash32 } from "../../src/reader/source/packed/xxhash32.js";

const require = createRequire(import.meta.url);
const zstd = require("zstd-napi") as { compress(data: Uint8Array): Buffer };
const lz4 = require("lz4-napi") as {
  compressSync(data: Uint8Array, dict?: Uint8Array): Buffer;
  compressFrameSync(data: Uint8Array, options?: { contentChecksum?: boolean; blockChecksums?: boolean }): Buffer;
};

/** A frame that readers pass over. */
export function skippableFrame(length: number): Buffer {
  const frame = Buffer.alloc(8 + length, 0xaa);
  frame.writeUInt32LE(0x184d2a5e, 0);
  frame.writeUInt32LE(length, 4);
  return frame;
}

/** An LZ4 frame of blocks of 64 KiB that lead back into each other, with all checksums, as `lz4 -BD -BX` writes it. */
export function linkedLz4Frame(data: Uint8Array): Buffer {
  const descriptor = Buffer.from([0b0101_0100, 4 << 4]);
  const head = Buffer.alloc(7);
  head.writeUInt32LE(0x184d2204, 0);
  descriptor.copy(head, 4);
  head[6] = (xxHash32(descriptor) >>> 8) & 0xff;
  const parts: Buffer[] = [head];
  const word = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    return bytes;
  };
  for (let at = 0; at < data.length; at += 65536) {
    const block = data.subarray(at, at + 65536);
    const packed = lz4.compressSync(block, data.subarray(Math.max(0, at - 65536), at)).subarray(4);
    const stored = packed.length >= block.length;
    const bytes = stored ? Buffer.from(block) : packed;
    parts.push(word(stored ? bytes.length + 2 ** 31 : bytes.length), bytes, word(xxHash32(bytes)));
  }
  parts.push(word(0), word(xxHash32(data)));
  return Buffer.concat(parts);
}

/** Every kind of packed stream, by name. */
export const packers: Readonly<Record<string, (data: Uint8Array) => Buffer>> = {
  gzip: (data) => gzipSync(data, { level: 1 }),
  "gzip, two members": (data) => Buffer.concat([gzipSync(data.subarray(0, 1000)), gzipSync(data.subarray(1000))]),
  zstd: (data) => zstd.compress(data),
  "zstd, two frames and others": (data) =>
    Buffer.concat([
      skippableFrame(100_000),
      zstd.compress(data.subarray(0, 1000)),
      skippableFrame(3),
      zstd.compress(data.subarray(1000)),
    ]),
  lz4: (data) => lz4.compressFrameSync(data, { contentChecksum: true }),
  "lz4, two frames and others": (data) =>
    Buffer.concat([
      skippableFrame(0),
      lz4.compressFrameSync(data.subarray(0, 1000), { blockChecksums: true }),
      skippableFrame(70_000),
      lz4.compressFrameSync(data.subarray(1000)),
    ]),
  "lz4, linked blocks": linkedLz4Frame,
};
