/** Outputs that cannot be written in any order: what arrives, packed or not, is what was written. */
import { readdirSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { packingOfOutput } from "../../src/cli/pack-option.js";
import type { Packing } from "../../src/reader/source/packed/packing.js";
import { unpackStream } from "../../src/reader/source/packed/unpack.js";
import type { ByteTarget } from "../../src/writer/byte-target.js";
import { createOrderedSink, type OrderedSinkOptions } from "../../src/writer/ordered-sink.js";
import { createPacker } from "../../src/writer/packed/create-packer.js";
import { temporaryFolder } from "../support/filter.js";
import { failureOfAsync } from "../support/open.js";

const folder = temporaryFolder();
const PACKINGS: readonly (Packing | undefined)[] = [undefined, "zstd", "lz4", "gzip"];

function memoryTarget(): ByteTarget & { readonly pieces: Buffer[] } {
  const pieces: Buffer[] = [];
  return {
    name: "target",
    pieces,
    async write(bytes) {
      pieces.push(Buffer.from(bytes));
    },
    finish: async () => Buffer.concat(pieces).length,
    abort: async () => undefined,
  };
}

const sinkOf = (target: ByteTarget, packing: Packing | undefined, more: Partial<OrderedSinkOptions> = {}) =>
  createOrderedSink(target, { packing, spool: { dir: folder }, ...more });

async function unpack(pieces: readonly Buffer[]): Promise<{ packing: string | undefined; bytes: Buffer }> {
  async function* chunks() {
    yield* pieces;
  }
  const { packing, chunks: unpacked } = await unpackStream(chunks(), "packed", { salvage: false });
  const all: Uint8Array[] = [];
  for await (const piece of unpacked) all.push(Buffer.from(piece));
  return { packing, bytes: Buffer.concat(all) };
}

/** Writes that are pages in order behind `from`, and anything in any order before it. */
const writes = fc.record({
  from: fc.integer({ min: 0, max: 5000 }),
  told: fc.boolean(),
  ascending: fc.array(fc.record({ gap: fc.nat(9000), length: fc.nat(400_000), fill: fc.nat(255) }), { maxLength: 6 }),
  others: fc.array(fc.record({ at: fc.nat(), length: fc.nat(3000), fill: fc.nat(255) }), { maxLength: 6 }),
  more: fc.nat(5000),
});

test.each(PACKINGS)("%s: ascending bytes behind others in any order", async (packing) => {
  await fc.assert(
    fc.asyncProperty(writes, async ({ from, told, ascending, others, more }) => {
      const target = memoryTarget();
      const sink = sinkOf(target, packing);
      if (told) sink.ascendingFrom?.(from);
      const expected = Buffer.alloc(3_000_000);
      let end = from;
      const todo: (() => Promise<void>)[] = [];
      const put = (at: number, length: number, fill: number) => {
        const bytes = Buffer.alloc(length, fill);
        todo.push(async () => {
          await sink.write(bytes, at);
          bytes.copy(expected, at);
        });
        end = Math.max(end, at + length);
      };
      for (const { gap, length, fill } of ascending) put(end + gap, length, fill);
      const size = end + more;
      for (const { at, length, fill } of from === 0 ? [] : others) {
        const start = at % from;
        put(start, Math.min(length, from - start), fill);
      }
      // Those before the ascending ones last: as a kdump file's descriptors come.
      for (const write of todo) await write();
      const sent = await sink.finish(size);
      const found = await unpack(target.pieces);
      expect(sent).toBe(Buffer.concat(target.pieces).length);
      expect(found.bytes.equals(expected.subarray(0, size))).toBe(true);
      if (packing !== undefined) expect(found.packing).toBe(`packed with ${packing}`);
    }),
    { numRuns: 25 },
  );
  expect(readdirSync(folder)).toEqual([]);
});

test("a write of nothing makes nothing longer", async () => {
  const target = memoryTarget();
  const sink = sinkOf(target, "gzip");
  sink.ascendingFrom?.(2);
  await sink.write(Buffer.alloc(0), 1);
  await sink.finish(2);
  expect((await unpack(target.pieces)).bytes).toEqual(Buffer.alloc(2));
});

test("what was not told to be ascending must be", async () => {
  const sink = sinkOf(memoryTarget(), undefined);
  sink.ascendingFrom?.(0);
  await sink.write(Buffer.alloc(100), 100);
  await expect((async () => sink.write(Buffer.alloc(1), 150))()).rejects.toThrow("not ascending");
});

test.each(["zstd", "lz4", "gzip"] as const)("%s: what the target says ends the packing", async (packing) => {
  const noise = Buffer.alloc(3 << 20);
  let seed = 1;
  for (let i = 0; i < noise.length; i++) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    noise[i] = seed >>> 24;
  }
  const packer = createPacker(packing, () => {
    throw new Error("the target is full");
  });
  const run = async () => {
    for (let i = 0; i < 4; i++) await packer.write(noise);
    await packer.end();
  };
  await expect(run()).rejects.toThrow("the target is full");
  packer.abort();
});

test("the temporary file is bounded, and what is kept aside counts for the size limit", async () => {
  const full = sinkOf(memoryTarget(), undefined, { spool: { dir: folder, limit: 1000 } });
  full.ascendingFrom?.(10);
  const error = await failureOfAsync(async () => {
    await full.write(Buffer.alloc(300_000), 10);
  });
  expect(error).toMatchObject({ code: "NO_SPACE" });
  expect(error.message).toContain("for an output that cannot be written out of order is full");
  await full.abort();
  const limited = sinkOf(memoryTarget(), undefined, { limit: 1000 });
  limited.ascendingFrom?.(10);
  const beyond = await failureOfAsync(async () => {
    await limited.write(Buffer.alloc(300_000), 10);
  });
  expect(beyond).toMatchObject({ code: "SIZE_LIMIT" });
  await limited.abort();
  expect(readdirSync(folder)).toEqual([]);
});

test("the suffix says how an output is packed, and --pack says it otherwise", () => {
  expect(packingOfOutput("a.elf.zst", undefined)).toBe("zstd");
  expect(packingOfOutput("C:\\dumps\\A.LZ4", undefined)).toBe("lz4");
  expect(packingOfOutput("a.gz", undefined)).toBe("gzip");
  expect(packingOfOutput("a.gz/b", undefined)).toBeUndefined();
  expect(packingOfOutput("zst", undefined)).toBeUndefined();
  expect(packingOfOutput("a.constructor", undefined)).toBeUndefined();
  expect(packingOfOutput("a.gz", "none")).toBeUndefined();
  expect(packingOfOutput(undefined, "gzip")).toBe("gzip");
});
