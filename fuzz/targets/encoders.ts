/**
 * Page compressors: what they make comes back whole through a decoder that shares no code with them, and nothing is written outside of its place. The
 * input is a page, or a recipe for one: words of the same place in the hash table with equal bytes in front of them, which pages of memory
 * rarely have. One such page in 15,217 of a dump could not be read.
 */
import { inflateSync } from "node:zlib";
import { uncompressSync } from "snappy";
import { loadDecodeModule } from "../../src/codec/wasm/decode/load.js";
import { type EncodeModule, loadEncodeModule } from "../../src/codec/wasm/encode/load.js";
import { createArena, guardedCompress } from "../../test/codec/wasm/encode/arena.js";
import { generator, samples } from "../../test/codec/wasm/encode/corpus.js";
import type { FuzzTarget } from "../target.js";

const LONGEST = 16_384;
/** What an incompressible page may grow to in any of the formats. */
const roomOf = (length: number) => length + (length >> 4) + 80;

type Name = "lzo" | "snappy" | "deflate";
type Decode = (stream: Uint8Array, length: number) => Uint8Array;

function lzoDecoder(): Decode {
  const { memory, bytes } = createArena(1 << 17);
  const { decompress } = loadDecodeModule("lzo", memory);
  const OUT = 1 << 16;
  return (stream, length) => {
    bytes.set(stream, 0);
    const got = decompress(0, stream.length, OUT, length);
    return bytes.slice(OUT, OUT + Math.max(0, got));
  };
}

const DECODERS: Readonly<Record<Name, () => Decode>> = {
  lzo: lzoDecoder,
  snappy: () => (stream) => uncompressSync(Buffer.from(stream), { asBuffer: true }) as Buffer,
  deflate: () => (stream) => inflateSync(stream),
};

/** Multiplier of the encoders' hash, and the bits of a page of 4 KiB (src/codec/wasm/encode). */
const [HASH, BITS] = [0x9e3779b1, 12];
const CLASSES = 8;
const OF_A_CLASS = 6;

/** Pieces of a page: words in classes of one place in the table, what stands in front of them, and single bytes. */
function makePieces(): readonly Uint8Array[] {
  const next = generator(16);
  const place = (word: number) => Math.imul(word, HASH) >>> (32 - BITS);
  const four = (word: number) => Uint8Array.of(word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24);
  const pieces: Uint8Array[] = [];
  for (let of = 0; of < CLASSES; of++) {
    const first = next();
    pieces.push(four(first));
    for (let word = next(); pieces.length % OF_A_CLASS !== 0; word = (word + 1) >>> 0)
      if (place(word) === place(first)) pieces.push(four(word));
  }
  for (let length = 1; length <= 12; length++) pieces.push(Uint8Array.from({ length }, () => next() >>> 24));
  return pieces;
}

const PIECES = makePieces();

/** A byte from here on is so many bytes that come nowhere else: where nothing is found for long, an encoder does not look at every place. */
const FRESH = 0xa0;
const FRESH_BYTES = 96;

/** An even first byte: what follows is the page. An odd one: each byte names a piece, fresh bytes, or is a byte of its own. */
function pageOf(input: Uint8Array): Uint8Array {
  if (((input[0] ?? 0) & 1) === 0) return input.subarray(1, 1 + LONGEST);
  const page = new Uint8Array(LONGEST);
  let length = 0;
  const next = generator(input.length + 1);
  for (const byte of input.subarray(1)) {
    const fresh =
      byte < FRESH ? undefined : Uint8Array.from({ length: FRESH_BYTES + (byte & 15) }, () => next() >>> 24);
    const piece = PIECES[byte] ?? fresh ?? Uint8Array.of(byte);
    if (length + piece.length > page.length) break;
    page.set(piece, length);
    length += piece.length;
  }
  return page.subarray(0, length);
}

/** Recipes of few pieces again and again, with more or fewer fresh bytes between them; and pages as they are. */
function seedsOf(): Uint8Array[] {
  const next = generator(7);
  const recipes = Array.from({ length: 32 }, (_, i) => {
    const [pieces, first] = [2 + (next() >>> 28), next() >>> 26];
    const recipe = Uint8Array.from({ length: 120 }, () =>
      next() >>> 30 < i % 4 ? FRESH + (next() >>> 26) : (first + ((next() >>> 20) % pieces)) % PIECES.length,
    );
    return Uint8Array.of(1, ...recipe);
  });
  return [...recipes, ...samples(4096).map(({ bytes }) => Uint8Array.of(0, ...bytes))];
}

function encoderTarget(codec: Name): FuzzTarget {
  const arena = createArena(1 << 19);
  let made: { readonly module: EncodeModule; readonly decode: Decode } | undefined;
  return {
    name: `encode-${codec}`,
    longest: LONGEST,
    seeds: seedsOf,
    run(input) {
      made ??= { module: loadEncodeModule(codec, arena.memory), decode: DECODERS[codec]() };
      const page = pageOf(input);
      if (page.length === 0) return;
      const stream = guardedCompress(arena, made.module, page, roomOf(page.length), "start");
      if (stream === undefined) throw new Error(`${page.length} bytes do not fit into ${roomOf(page.length)}`);
      if (Buffer.compare(made.decode(stream, page.length), page) !== 0) throw new Error("a page comes back changed");
    },
  };
}

export const encoderTargets: readonly FuzzTarget[] = [
  encoderTarget("lzo"),
  encoderTarget("snappy"),
  encoderTarget("deflate"),
];
