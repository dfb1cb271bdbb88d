/** A zstd stream for an unpacker that reads no further than the end of a frame: no piece goes beyond that. */
import { createRequire } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteQueue } from "../../../../src/reader/source/packed/byte-queue.js";
import { frameByFrame } from "../../../../src/reader/source/packed/zstd-frames.js";
import { skippableFrame } from "../../../support/packed.js";

const { compress } = createRequire(import.meta.url)("zstd-napi") as { compress(data: Uint8Array): Buffer };

/** Bytes of which some repeat. */
function content(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * i) >> (i % 11));
}

/** A frame without its content's size, of stored blocks, with room for a checksum. */
function storedFrame(...blocks: Uint8Array[]): Buffer {
  const parts = blocks.flatMap((block, i) => {
    const head = Buffer.alloc(3);
    head.writeUIntLE((block.length << 3) | (i === blocks.length - 1 ? 1 : 0), 0, 3);
    return [head, block];
  });
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x00]), ...parts, Buffer.alloc(4, 0xcc)]);
}

const FRAMES: readonly Buffer[] = [
  compress(new Uint8Array(0)),
  compress(content(200)),
  compress(content(300)),
  compress(content(70_000)),
  compress(new Uint8Array(400_000)),
  storedFrame(content(5)),
  storedFrame(content(1000), content(7), new Uint8Array(0)),
  skippableFrame(0),
  skippableFrame(100_000),
];

async function pieces(stream: Uint8Array, size: number): Promise<Uint8Array[]> {
  async function* chunks() {
    for (let at = 0; at < stream.length; at += size) yield stream.subarray(at, at + size);
  }
  const found: Uint8Array[] = [];
  for await (const piece of frameByFrame(new ByteQueue(chunks()))) found.push(piece);
  return found;
}

/** Where each of the parts ends in the whole. */
function endsOf(parts: readonly Uint8Array[]): number[] {
  let at = 0;
  return parts.map((part) => {
    at += part.length;
    return at;
  });
}

const anyFrames = fc.array(fc.integer({ min: 0, max: FRAMES.length - 1 }), { minLength: 1, maxLength: 6 });

test("no piece goes beyond the end of a frame, and none is lost", async () => {
  await fc.assert(
    fc.asyncProperty(anyFrames, fc.integer({ min: 1, max: 200_000 }), async (numbers, size) => {
      const frames = numbers.map((i) => FRAMES[i] as Buffer);
      const stream = Buffer.concat(frames);
      const found = await pieces(stream, Math.max(size, stream.length >> 10));
      expect(Buffer.concat(found).equals(stream)).toBe(true);
      const ends = new Set(endsOf(found));
      expect(endsOf(frames).filter((end) => !ends.has(end))).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test("what is cut off or damaged is passed on as it is", async () => {
  await fc.assert(
    fc.asyncProperty(anyFrames, fc.nat(), fc.nat(), async (numbers, cut, flip) => {
      const whole = Buffer.concat(numbers.map((i) => FRAMES[i] as Buffer));
      const stream = Buffer.from(whole.subarray(0, cut % whole.length));
      if (stream.length > 0) stream[flip % Math.min(stream.length, 20)] = flip & 0xff;
      expect(Buffer.concat(await pieces(stream, 4096)).equals(stream)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("blocks are gathered, however small they are", async () => {
  const empty = Buffer.alloc(3 * 200_000);
  const stream = Buffer.concat([Buffer.from("28b52ffd0000", "hex"), empty, Buffer.from([1, 0, 0])]);
  const found = await pieces(stream, 1 << 20);
  expect(Buffer.concat(found).equals(stream)).toBe(true);
  expect(found.length).toBe(10);
});
