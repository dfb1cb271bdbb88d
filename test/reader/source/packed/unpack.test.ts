/** Packed streams: what other programs packed comes out again, and damage is told. */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packingOf } from "../../../../src/reader/source/packed/packing.js";
import { unpackStream } from "../../../../src/reader/source/packed/unpack.js";
import { xxHash32 } from "../../../../src/reader/source/packed/xxhash32.js";
import { failureOfAsync } from "../../../support/open.js";
import { linkedLz4Frame, packers, skippableFrame } from "../../../support/packed.js";

/** Zeros, text that repeats within and across blocks, and bytes that do not pack. */
const data = Buffer.alloc(300_000);
for (let i = 0; i < 100_000; i++) data[50_000 + i] = "the kernel's page".charCodeAt((i * 7) % 17) ^ (i >> 12);
let seed = 1;
for (let i = 200_000; i < 280_000; i++) {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  data[i] = seed >>> 24;
}

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpack(bytes: Uint8Array, pieceSize = 10_007, salvage = false): Promise<Buffer> {
  const { chunks } = await unpackStream(inPieces(bytes, pieceSize), "stream", { salvage });
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

describe.each(Object.entries(packers))("%s", (name, pack) => {
  const packed = pack(data);

  test("comes out as it went in, in pieces of any size", async () => {
    for (const size of [97, 4096, 1 << 20]) {
      expect((await unpack(packed, size)).equals(data), `pieces of ${size}`).toBe(true);
    }
    const { packing } = await unpackStream(inPieces(packed, 7), "stream", { salvage: false });
    expect(packing).toBe(`packed with ${name.split(",")[0]}`);
  });

  test("cut off is TRUNCATED", async () => {
    for (const part of [0.3, 0.7, 0.999]) {
      const cut = packed.subarray(0, Math.floor(packed.length * part));
      expect(await failureOfAsync(() => unpack(cut))).toMatchObject({ code: "TRUNCATED", file: "stream" });
    }
  });
});

test("a gzip stream that is cut off is unpacked up to there with salvage", async () => {
  const packed = gzipSync(data);
  const found = await unpack(packed.subarray(0, packed.length - 20_000), 4096, true);
  expect(found.length).toBeGreaterThan(200_000);
  expect(found.equals(data.subarray(0, found.length))).toBe(true);
});

test("an LZ4 frame with any byte changed is CORRUPT, or TRUNCATED where its lengths are changed", async () => {
  const packed = linkedLz4Frame(data.subarray(40_000, 120_000));
  await fc.assert(
    fc.asyncProperty(fc.nat(packed.length - 5), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      // The magic number itself: then it is no LZ4 stream.
      const damaged = Buffer.from(packed);
      damaged[at + 4] = (damaged[at + 4] as number) ^ change;
      const { code } = await failureOfAsync(() => unpack(damaged));
      expect(["CORRUPT", "TRUNCATED", "UNSUPPORTED"]).toContain(code);
    }),
    { numRuns: 200 },
  );
});

test("gzip and zstd streams that are damaged are CORRUPT", async () => {
  for (const name of ["gzip", "zstd"]) {
    const packed = Buffer.from(packers[name]?.(data) as Buffer);
    packed.fill(0xff, 10, 60);
    expect(await failureOfAsync(() => unpack(packed)), name).toMatchObject({ code: "CORRUPT" });
  }
});

test("what is not packed stays as it is", async () => {
  for (const bytes of [data, Buffer.from("\x7fELF"), Buffer.from([0x1f]), Buffer.alloc(0)]) {
    expect((await unpack(bytes)).equals(bytes)).toBe(true);
    expect(packingOf(bytes)).toBe(undefined);
  }
});

test("xxHash32 gives the numbers of its authors", () => {
  const hash = (text: string) => xxHash32(Buffer.from(text));
  expect(hash("")).toBe(0x02cc5d05);
  expect(hash("a")).toBe(0x550d7456);
  expect(hash("abc")).toBe(0x32d153ff);
  expect(hash("Nobody inspects the spammish repetition")).toBe(0xe2293b2f);
});

/** Packed streams of 8 MiB that unpack to nothing. */
const EMPTY = 8 << 20;
test.each([
  [
    "zstd, empty blocks",
    Buffer.concat([Buffer.from("28b52ffd0000", "hex"), Buffer.alloc(EMPTY), Buffer.from([1, 0, 0])]),
  ],
  ["zstd, skippable frames", Buffer.alloc(EMPTY, skippableFrame(1000))],
  ["gzip, empty members", Buffer.alloc(EMPTY, gzipSync(""))],
])("a signal stops what unpacks to nothing: %s", async (_, packed) => {
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  const options = { salvage: false, signal: controller.signal };
  const run = async () => {
    const { chunks } = await unpackStream(inPieces(packed, 1 << 16), "stream", options);
    for await (const chunk of chunks) expect(chunk.length).toBe(0);
  };
  expect(await failureOfAsync(run)).toMatchObject({ code: "ABORTED", file: "stream" });
});
