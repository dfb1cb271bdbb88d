/** xz streams with sums of SHA-256, as rpm has them: blocks and streams one behind the other come whole, and what does not give its sum is damage. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ByteQueue } from "../../../../src/reader/source/packed/byte-queue.js";
import { unpackXz } from "../../../../src/reader/source/packed/unpack-xz.js";
import { failureOfAsync } from "../../../support/open.js";

const fixture = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../fixtures/packed/${name}`, import.meta.url)));
const once = fixture("vmlinux.small");
/** Of `xz -C sha256 --block-size=3000`, four zeros, and the same in one block. */
const packed = fixture("sha256-blocks.xz");

async function unpacked(bytes: Uint8Array, piece = 1000): Promise<Buffer> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
  }
  const parts: Uint8Array[] = [];
  for await (const part of unpackXz(new ByteQueue(chunks()), "file")) parts.push(part);
  return Buffer.concat(parts);
}

/** A copy with one bit turned. */
function damagedAt(offset: number): Buffer {
  const copy = Buffer.from(packed);
  copy[offset] = (copy[offset] as number) ^ 1;
  return copy;
}

test.each([1, 7, 1000, 1 << 20])("all blocks of both streams, in pieces of %i bytes", async (piece) => {
  expect((await unpacked(packed, piece)).equals(Buffer.concat([once, once]))).toBe(true);
});

test("a stream without blocks is nothing", async () => {
  // What xz makes of no bytes.
  const empty = Buffer.from("fd377a585a00000ae1fb0ca1000000001cdf4421189b4b9a01000000000a595a", "hex");
  expect((await unpacked(empty)).length).toBe(0);
});

test("whichever byte of it is turned, it is an error, or the same", async () => {
  const whole = Buffer.concat([once, once]);
  for (let offset = 12; offset < packed.length - 12; offset += 37) {
    const outcome = await unpacked(damagedAt(offset)).then(
      (bytes) => (bytes.equals(whole) ? "the same" : "other bytes"),
      (error) => error.code,
    );
    expect(["CORRUPT", "UNSUPPORTED", "TRUNCATED", "the same"], `at ${offset}`).toContain(outcome);
  }
});

test.each([
  ["in a block", packed.length - 200],
  ["in the index", packed.length - 20],
  ["in a header", 6],
])("one that ends %s is cut off", async (_, length) => {
  expect((await failureOfAsync(() => unpacked(packed.subarray(0, length)))).code).toBe("TRUNCATED");
});

test("a sum that is another names it", async () => {
  // The sum of the last block lies before the index (of 16 bytes here) and the footer.
  const error = await failureOfAsync(() => unpacked(damagedAt(packed.length - 12 - 16 - 8)));
  expect([error.code, error.what]).toEqual(["CORRUPT", expect.stringMatching(/SHA-256 sum/)]);
});
