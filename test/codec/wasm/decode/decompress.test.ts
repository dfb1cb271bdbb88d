import { readFileSync } from "node:fs";
import zlib from "node:zlib";
import fc from "fast-check";
import { compressSync } from "snappy";
import { describe, expect, test } from "vitest";
import { type DecodeModule, loadDecodeModule } from "../../../../src/codec/wasm/decode/load.js";
import { loadEncodeModule } from "../../../../src/codec/wasm/encode/load.js";
import { type Arena, createArena } from "../encode/arena.js";
import { generator, PAGE_SIZES, samples } from "../encode/corpus.js";
import { type LzoJob, liblzo2, whyNoLiblzo2 } from "../encode/liblzo2.js";

/** Decompresses with canaries around both ranges and the input or the output at an end of the memory. */
function decode(arena: Arena, module: DecodeModule, stream: Uint8Array, cap: number, where: "start" | "end") {
  const [src = 0, dst = 0] =
    where === "start" ? arena.place([stream.length, cap], "start") : arena.place([cap, stream.length], "end").reverse();
  arena.bytes.set(stream, src);
  const length = module.decompress(src, stream.length, dst, cap);
  arena.check();
  if (length < -1 || length > cap) throw new Error(`length ${length} is not in [-1, ${cap}]`);
  return length === -1 ? undefined : arena.bytes.slice(dst, dst + length);
}

/** The same with the output at the end of the memory, where a write too far traps. */
function decodeAtEnd(arena: Arena, module: DecodeModule, stream: Uint8Array, cap: number) {
  const [src = 0, dst = 0] = arena.place([stream.length, cap], "end");
  arena.bytes.set(stream, src);
  const length = module.decompress(src, stream.length, dst, cap);
  arena.check();
  return length === -1 ? undefined : arena.bytes.slice(dst, dst + length);
}

function same(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}

const bytes = (text: string) => Uint8Array.from(text.split(" "), (hex) => Number.parseInt(hex, 16));

describe.each(["lzo", "snappy"] as const)("%s", (name) => {
  const arena = createArena(1 << 20);
  const module = loadDecodeModule(name, arena.memory);
  const encoder = loadEncodeModule(name, arena.memory);

  /** A stream of our own encoder, for fuzzing. */
  function encode(input: Uint8Array): Uint8Array {
    const dst = 1 << 18;
    arena.bytes.set(input, 0);
    const length = encoder.compress(0, input.length, dst, 2 * input.length + 64, 1 << 19);
    return arena.bytes.slice(dst, dst + length);
  }

  test("a stream cut short anywhere is refused", () => {
    for (const { bytes: input } of samples(700)) {
      const stream = encode(input);
      for (let cut = 0; cut < stream.length; cut++) {
        expect(decode(arena, module, stream.subarray(0, cut), input.length, "end")).toBeUndefined();
      }
    }
  });

  test("trailing bytes are refused", () => {
    for (const { bytes: input } of samples(500)) {
      const stream = Buffer.concat([encode(input), Buffer.of(0)]);
      expect(decode(arena, module, stream, 4096, "end")).toBeUndefined();
    }
  });

  test("an output that is a byte too small is refused", () => {
    for (const { bytes: input } of samples(700)) {
      const stream = encode(input);
      for (const where of ["start", "end"] as const) {
        expect(same(decode(arena, module, stream, input.length, where), input)).toBe(true);
        for (const less of [1, 2, 5, 16, 17, 300, 700]) {
          expect(decode(arena, module, stream, input.length - less, where)).toBeUndefined();
        }
      }
      expect(same(decodeAtEnd(arena, module, stream, input.length), input)).toBe(true);
      expect(decodeAtEnd(arena, module, stream, input.length - 1)).toBeUndefined();
    }
  });

  test("mutated streams give a value or -1, and never touch what is outside", () => {
    const streams = samples(2000).map(({ bytes: input }) => encode(input));
    const next = generator(42);
    for (let round = 0; round < 60_000; round++) {
      const stream = (streams[next() % streams.length] ?? Buffer.of()).slice();
      for (let i = next() & 3; i >= 0; i--) stream[next() % stream.length] = next() & 3 ? next() & 255 : 0;
      const piece = next() & 3 ? stream : stream.subarray(0, next() % stream.length);
      const cap = next() & 1 ? 2000 : next() % 2100;
      if (next() & 1) decode(arena, module, piece, cap, next() & 1 ? "start" : "end");
      else decodeAtEnd(arena, module, piece, cap);
    }
  });

  test("random bytes give a value or -1, and never touch what is outside", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(3000), (stream, cap) => {
        decode(arena, module, stream, cap, "start");
        decode(arena, module, stream, cap, "end");
        decodeAtEnd(arena, module, stream, cap);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("snappy", () => {
  const arena = createArena(1 << 20);
  const module = loadDecodeModule("snappy", arena.memory);

  test.each([...PAGE_SIZES, 1, 15, 16, 17, 60, 61, 257, 1000])("reads what npm snappy writes of %i bytes", (size) => {
    for (const { name, bytes: input } of samples(size)) {
      const stream = compressSync(Buffer.from(input));
      for (const where of ["start", "end"] as const) {
        expect(same(decode(arena, module, stream, size, where), input), name).toBe(true);
      }
      expect(same(decodeAtEnd(arena, module, stream, size), input), name).toBe(true);
    }
  });

  test.each([
    ["no length", "80 80"],
    ["a length of more than 32 bits", "80 80 80 80 80 01"],
    ["a distance of 0", "05 00 41 01 00"],
    ["a distance before the start", "05 00 41 01 02"],
    ["a copy as the first element", "04 01 01"],
    ["more than the stated length", "01 04 41 42"],
    ["less than the stated length", "03 04 41 42"],
    ["a 4-byte literal length of 2^32", "05 fc ff ff ff ff 41"],
    ["a 4-byte distance before the start", "05 00 41 0f ff ff ff ff"],
  ])("refuses %s", (_, stream) => {
    expect(decode(arena, module, bytes(stream), 100, "end")).toBeUndefined();
  });

  test("reads 4-byte distances, and the empty block", () => {
    expect(decode(arena, module, bytes("05 00 41 0f 01 00 00 00"), 5, "end")).toEqual(bytes("41 41 41 41 41"));
    expect(decode(arena, module, bytes("00"), 5, "end")).toEqual(new Uint8Array(0));
  });
});

/** A stream that liblzo2 wrote of a sample of test/codec/wasm/encode/corpus.ts; see test/fixtures/lzo/README.md. */
interface Fixture {
  readonly file: string;
  readonly sample: string;
  readonly length: number;
}

describe("lzo", () => {
  const arena = createArena(1 << 20);
  const module = loadDecodeModule("lzo", arena.memory);
  const folder = new URL("../../../fixtures/lzo/", import.meta.url);
  const fixtures = JSON.parse(readFileSync(new URL("index.json", folder), "utf8")) as Fixture[];

  test.each(fixtures)("reads $file of liblzo2", ({ file, sample, length }) => {
    const stream = readFileSync(new URL(file, folder));
    const plain = samples(length).find(({ name }) => name === sample)?.bytes ?? new Uint8Array(0);
    for (const where of ["start", "end"] as const) {
      expect(same(decode(arena, module, stream, length, where), plain)).toBe(true);
    }
    expect(same(decodeAtEnd(arena, module, stream, length), plain)).toBe(true);
  });

  const missing = whyNoLiblzo2();
  test.skipIf(missing)(`reads what liblzo2 writes${missing ? ` (${missing})` : ""}`, () => {
    const jobs: LzoJob[] = [];
    for (const size of [...PAGE_SIZES, 1, 2, 3, 4, 5, 17, 18, 19, 238, 239, 300, 777]) {
      for (const { bytes: input } of samples(size)) {
        const operations = size > 16384 ? (["lzo1x_1"] as const) : (["lzo1x_1", "lzo1x_999"] as const);
        for (const operation of operations)
          jobs.push({ operation, input, room: input.length + (input.length >> 4) + 80 });
      }
    }
    liblzo2(jobs).forEach((stream, i) => {
      const input = jobs[i]?.input ?? Buffer.of();
      const what = `${jobs[i]?.operation} of ${input.length} bytes`;
      if (stream === undefined) throw new Error(`liblzo2 fails on ${what}`);
      expect(same(decode(arena, module, stream, input.length, "start"), input), what).toBe(true);
      expect(same(decodeAtEnd(arena, module, stream, input.length), input), what).toBe(true);
    });
  });

  test("reads the empty stream", () => {
    expect(decode(arena, module, bytes("11 00 00"), 5, "end")).toEqual(new Uint8Array(0));
  });

  test.each([
    ["no input", ""],
    ["no end marker", "12 41"],
    ["an end marker that goes on", "12 41 11 00 00 00"],
    ["an end marker of another length", "12 41 12 00 00"],
    ["an end marker with literals behind it", "12 41 11 01 00 42"],
    ["a match as the first instruction", "40 00 11 00 00"],
    ["a distance before the start", "12 41 44 00 11 00 00"],
    ["a 3-byte match 2 KiB back in 4 bytes", "15 41 42 43 44 00 00 11 00 00"],
    ["a length that never ends", "12 41 20 00 00 00 00"],
    ["more literals than input", "ff 41 42 11 00 00"],
  ])("refuses %s", (_, stream) => {
    expect(decode(arena, module, stream === "" ? new Uint8Array(0) : bytes(stream), 100, "end")).toBeUndefined();
  });
});

describe("inflate", () => {
  const arena = createArena(1 << 20);
  const inflate = loadDecodeModule("inflate", arena.memory);
  // Its tables have a memory of their own, as far as the arena is concerned: below all that is placed there.
  const scratch = (1 << 20) - inflate.scratchSize() - 64;
  const module: DecodeModule = { decompress: (...of) => inflate.decompress(...of, scratch & ~15) };
  const levels = [0, 1, 9];
  const strategies = [0, 1, 2, 3, 4];

  /** What zlib makes of it, as the kernel has to answer. */
  function expected(stream: Uint8Array, cap: number): Uint8Array | undefined {
    try {
      const bytes = zlib.inflateSync(stream, { maxOutputLength: cap + 1 });
      return bytes.length > cap ? undefined : bytes;
    } catch {
      return undefined;
    }
  }

  function compare(stream: Uint8Array, cap: number, name: string) {
    const wanted = expected(stream, cap);
    for (const found of [decode(arena, module, stream, cap, "start"), decodeHigh(stream, cap)]) {
      if (wanted === undefined ? found !== undefined : !same(found, wanted)) expect(found, name).toEqual(wanted);
    }
  }

  /** With the output right below the scratch. */
  function decodeHigh(stream: Uint8Array, cap: number) {
    const dst = (scratch & ~15) - cap;
    const canary = arena.bytes.slice(dst - 64, dst);
    arena.bytes.set(stream, 1000);
    const length = module.decompress(1000, stream.length, dst, cap);
    if (Buffer.compare(arena.bytes.subarray(dst - 64, dst), canary) !== 0) throw new Error("written before the output");
    return length === -1 ? undefined : arena.bytes.slice(dst, dst + length);
  }

  test.each([...PAGE_SIZES, 1, 15, 257, 258, 1000])(
    "reads what zlib writes of %i bytes, at all levels and by all strategies",
    (size) => {
      for (const { name, bytes: input } of samples(size)) {
        for (const options of [
          ...levels.map((level) => ({ level })),
          ...strategies.map((strategy) => ({ strategy })),
        ]) {
          const stream = zlib.deflateSync(input, options);
          expect(same(decode(arena, module, stream, size, "start"), input), name).toBe(true);
        }
      }
    },
  );

  test("codes of all lengths to 15 bits, and blocks behind each other", () => {
    // Counts like Fibonacci numbers make a code as deep as there are symbols.
    const counts = [1, 1];
    while (counts.length < 19) counts.push((counts.at(-1) as number) + (counts.at(-2) as number));
    const next = generator(5);
    const input = Uint8Array.from(counts.flatMap((n, i) => Array.from({ length: n }, () => i * 13)));
    for (let i = input.length - 1; i > 0; i--) {
      const j = next() % (i + 1);
      [input[i], input[j]] = [input[j] as number, input[i] as number];
    }
    for (const strategy of strategies) compare(zlib.deflateSync(input, { strategy }), input.length, String(strategy));
    for (const memLevel of [1, 2, 9]) compare(zlib.deflateSync(input, { memLevel }), input.length, "many blocks");
  });

  test("says of every stream what zlib says: cut short, mutated, with bytes behind, with too little room", () => {
    const streams = samples(1500).flatMap(({ bytes: input }) =>
      strategies.map((strategy) => zlib.deflateSync(input, { strategy, level: strategy === 0 ? 6 : 1 })),
    );
    const next = generator(43);
    for (let round = 0; round < 12_000; round++) {
      const stream = Buffer.from(streams[next() % streams.length] as Buffer);
      // The header of a block is where most of the rules are.
      const most = next() & 1 ? stream.length : Math.min(stream.length, 100);
      for (let i = (next() & 3) - 1; i >= 0; i--) stream[next() % most] = next() & 3 ? next() & 255 : 0;
      const piece = next() & 7 ? stream : stream.subarray(0, next() % stream.length);
      const behind = next() & 7 ? piece : Buffer.concat([piece, Buffer.of(1, 2, 3, 4, 5, 6, 7, 8, 9)]);
      compare(behind, next() & 3 ? 1500 : next() % 1600, `round ${round}`);
    }
  });

  test("random bytes behind a valid header", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(3000), (bytes, cap) => {
        compare(Buffer.concat([Buffer.of(0x78, 0x01), bytes]), cap, "random");
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ["less than the least stream", "78 01 03"],
    ["another method", "77 09 03 00 00 00 00 01"],
    ["a window of 64 KiB", "88 1c 03 00 00 00 00 01"],
    ["a header that is no multiple of 31", "78 02 03 00 00 00 00 01"],
    ["a preset dictionary", "78 20 03 00 00 00 00 01"],
    ["a block of type 3", "78 01 07 00 00 00 00 01"],
    ["a wrong checksum", "78 01 03 00 00 00 00 02"],
    ["no checksum", "78 01 03 00 00 00 00"],
    ["a stored block whose lengths disagree", "78 01 01 01 00 fe fe 41 00 42 00 42"],
  ])("refuses %s", (_, stream) => {
    expect(expected(bytes(stream), 100)).toBeUndefined();
    expect(decode(arena, module, bytes(stream), 100, "start")).toBeUndefined();
  });
});
