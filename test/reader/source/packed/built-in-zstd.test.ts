/** zstd streams where zstd-napi is not installed: Node's own zstd unpacks them, frame by frame. */
import { createRequire } from "node:module";
import { describe, expect, test, vi } from "vitest";
import type * as Zstd from "../../../../src/codec/zstd.js";
import { nodeZstd } from "../../../../src/codec/zstd.js";
import { unpackStream } from "../../../../src/reader/source/packed/unpack.js";
import { failureOfAsync } from "../../../support/open.js";
import { skippableFrame } from "../../../support/packed.js";

vi.mock("../../../../src/codec/zstd.js", async (importOriginal) => ({
  ...(await importOriginal<typeof Zstd>()),
  zstdNapi: () => undefined,
}));

const { compress } = createRequire(import.meta.url)("zstd-napi") as { compress(data: Uint8Array): Buffer };
const first = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >> (i % 11)));
const second = Buffer.alloc(500_000, "page ");
const whole = Buffer.concat([compress(first), skippableFrame(70_000), compress(second)]);

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpack(bytes: Uint8Array, size = bytes.length): Promise<Buffer> {
  const { chunks } = await unpackStream(inPieces(bytes, size), "stream", { salvage: false });
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

const hasOwn = nodeZstd().createZstdDecompress !== undefined;

describe.skipIf(!hasOwn)("Node's own zstd (22.15 and later)", () => {
  test.each([whole.length, 4099])("two frames with a skippable one between them, in pieces of %i", async (size) => {
    expect((await unpack(whole, size)).equals(Buffer.concat([first, second]))).toBe(true);
  });

  test("cut off is TRUNCATED", async () => {
    for (const cut of [1, 100, compress(second).length - 3]) {
      const error = await failureOfAsync(() => unpack(whole.subarray(0, whole.length - cut)));
      expect(error, `${cut} bytes less`).toMatchObject({ code: "TRUNCATED", file: "stream" });
    }
  });

  test("other bytes behind the last frame are CORRUPT", async () => {
    for (const length of [8, 5000, 200_000]) {
      const error = await failureOfAsync(() => unpack(Buffer.concat([whole, Buffer.alloc(length, "junk")])));
      expect(error, `${length} bytes`).toMatchObject({ code: "CORRUPT", file: "stream" });
    }
  });
});

test.skipIf(hasOwn)("an older Node says what is missing", async () => {
  expect(await failureOfAsync(() => unpack(whole))).toMatchObject({ code: "CODEC_MISSING", file: "stream" });
});
