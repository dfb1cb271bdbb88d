/** Page decompressors: canaries around the output, and the output at the end of the memory, where a write too far traps. */

import { constants, deflateSync, inflateSync } from "node:zlib";
import { decodePage } from "../../src/codec/decode.js";
import { type DecodeModule, type LinkedDecodeModule, loadDecodeModule } from "../../src/codec/wasm/decode/load.js";
import { type Arena, createArena } from "../../test/codec/wasm/encode/arena.js";
import { patternBytes } from "../../test/support/bytes.js";
import { compressPage, zstdAvailable } from "../../test/support/page-codecs.js";
import { LZ4_BLOCKS, lz4Block } from "../plain-lz4.js";
import type { FuzzTarget } from "../target.js";

const LONGEST = 16_384;
const plains = (): Uint8Array[] => [
  new Uint8Array(4096),
  patternBytes("page ", 4096),
  patternBytes("abcdefgh", 700),
  Uint8Array.from({ length: 2000 }, (_, i) => (i * i) >> 7),
  Uint8Array.from({ length: 600 }, (_, i) => (i * 2_654_435_761) >>> 24),
];

/** Two bytes say how large the output is, the stream follows. */
function seedsOf(codec: "lzo" | "snappy" | "zlib" | "zstd"): Uint8Array[] {
  if (codec === "zstd" && !zstdAvailable()) return [Uint8Array.of(0, 16, 0x28, 0xb5, 0x2f, 0xfd)];
  return plains().map((plain) =>
    Buffer.concat([Uint8Array.of(plain.length & 0xff, plain.length >> 8), compressPage(codec, plain)]),
  );
}

/** Blocks of each kind: stored, with codes of their own, with the fixed ones. */
function deflateSeeds(): Uint8Array[] {
  const { Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE } = constants;
  const ways = [{}, { level: 0 }, { strategy: Z_FIXED }, { strategy: Z_HUFFMAN_ONLY }, { strategy: Z_RLE }];
  return plains().flatMap((plain) =>
    ways.map((way) => Buffer.concat([Uint8Array.of(plain.length & 0xff, plain.length >> 8), deflateSync(plain, way)])),
  );
}

function roomOf(input: Uint8Array): number {
  return ((input[0] ?? 0) | ((input[1] ?? 0) << 8)) % LONGEST;
}

/** Between what is placed at the start and at the end of the memory. */
const SCRATCH = 40_960;

/** What lies around the tables of inflate. */
const GUARD = 64;
const guarded = new Uint8Array(GUARD).fill(0x3a);

function inflateKernel({ memory, bytes }: Arena): DecodeModule {
  const inflate = loadDecodeModule("inflate", memory);
  const guards = [SCRATCH - GUARD, SCRATCH + inflate.scratchSize()].map((at) => bytes.subarray(at, at + GUARD));
  for (const guard of guards) guard.set(guarded);
  return {
    decompress(...of) {
      const length = inflate.decompress(...of, SCRATCH);
      if (guards.some((guard) => !guarded.every((byte, i) => guard[i] === byte))) {
        throw new Error("written outside of the scratch");
      }
      return length;
    },
  };
}

/** The judge of inflate: zlib itself. */
function inflated(stream: Uint8Array, room: number): Buffer | undefined {
  try {
    // Of a room of no bytes zlib knows nothing.
    const plain = inflateSync(stream, { maxOutputLength: Math.max(1, room) });
    return plain.length > room ? undefined : plain;
  } catch {
    return undefined;
  }
}

function kernelTarget(name: "lzo" | "snappy" | "inflate"): FuzzTarget {
  let made: { arena: Arena; kernel: DecodeModule } | undefined;
  return {
    name,
    longest: LONGEST,
    seeds: () => (name === "inflate" ? deflateSeeds() : seedsOf(name)),
    run(input) {
      if (made === undefined) {
        const arena = createArena(1 << 17);
        made = { arena, kernel: name === "inflate" ? inflateKernel(arena) : loadDecodeModule(name, arena.memory) };
      }
      const { arena, kernel } = made;
      const [room, stream] = [roomOf(input), input.subarray(2)];
      const decode = (lengths: readonly [number, number], where: "start" | "end", order: 0 | 1) => {
        const places = arena.place(lengths, where);
        const [src, dst] = [places[order] as number, places[1 - order] as number];
        arena.bytes.set(stream, src);
        const length = kernel.decompress(src, stream.length, dst, room);
        arena.check();
        if (length < -1 || length > room) throw new Error(`a length of ${length}, in room for ${room}`);
        return length === -1 ? undefined : Buffer.from(arena.bytes.slice(dst, dst + length));
      };
      const results = [
        decode([stream.length, room], "start", 0),
        decode([room, stream.length], "end", 1),
        decode([stream.length, room], "end", 0),
      ];
      if (
        results.some((one) => (one === undefined) !== (results[0] === undefined) || !one?.equals(results[0] as Buffer))
      )
        if (results[0] !== undefined || results.some((one) => one !== undefined))
          throw new Error("the result depends on where the stream lies in memory");
      if (name !== "inflate") return;
      const [ours, theirs] = [results[0], inflated(stream, room)];
      if (ours === undefined ? theirs !== undefined : theirs === undefined || !ours.equals(theirs)) {
        throw new Error(`${ours?.length ?? "no"} bytes where zlib has ${theirs?.length ?? "none"}`);
      }
    },
  };
}

/** Blocks that lead back to what was decoded before them: the first three bytes say how much that is, and the room. */
function lz4Target(): FuzzTarget {
  const arena = createArena(1 << 17);
  let kernel: LinkedDecodeModule | undefined;
  return {
    name: "lz4",
    longest: LONGEST,
    seeds: () => LZ4_BLOCKS.map((block) => Uint8Array.of(64, 0, 16, ...block)),
    run(input) {
      kernel ??= loadDecodeModule("lz4", arena.memory);
      const decompress = kernel.decompress;
      const [history, room, stream] = [input[0] ?? 0, roomOf(input.subarray(1)), input.subarray(3)];
      const before = arena.bytes
        .subarray(0, history)
        .slice()
        .map((_, i) => i * 7);
      const decode = (where: "start" | "end", order: 0 | 1) => {
        const lengths = [stream.length, history + room];
        const places = arena.place(order === 0 ? lengths : lengths.reverse(), where);
        const [src, past] = [places[order] as number, places[1 - order] as number];
        arena.bytes.set(stream, src);
        arena.bytes.set(before, past);
        const dst = past + history;
        const length = decompress(src, stream.length, dst, room, history);
        arena.check();
        if (length < -1 || length > room) throw new Error(`a length of ${length}, in room for ${room}`);
        if (!Buffer.from(before).equals(arena.bytes.slice(past, dst))) throw new Error("what was before has changed");
        return length === -1 ? "" : Buffer.from(arena.bytes.slice(dst, dst + length)).toString("latin1") + length;
      };
      const results = [decode("start", 0), decode("end", 1), decode("end", 0)];
      if (new Set(results).size > 1) throw new Error("the result depends on where the block lies in memory");
      const plain = lz4Block(stream, before, room);
      if (results[0] !== (plain === undefined ? "" : plain.toString("latin1") + plain.length)) {
        throw new Error("a plain decoder finds something else");
      }
    },
  };
}

function decoderTarget(name: "zlib" | "zstd", flags: number): FuzzTarget {
  return {
    name,
    longest: LONGEST,
    seeds: () => seedsOf(name),
    run(input) {
      const room = roomOf(input);
      const around = new Uint8Array(room + 32).fill(0xc5);
      const length = decodePage(flags, input.subarray(2), around.subarray(16, 16 + room), "fuzz");
      if (!Number.isInteger(length) || length < -1) throw new Error(`a length of ${length}`);
      const outside = [...around.subarray(0, 16), ...around.subarray(16 + room)];
      if (outside.some((byte) => byte !== 0xc5)) throw new Error("written outside of the output");
    },
  };
}

export const pageTargets: readonly FuzzTarget[] = [
  kernelTarget("lzo"),
  kernelTarget("snappy"),
  kernelTarget("inflate"),
  lz4Target(),
  decoderTarget("zlib", 1),
  decoderTarget("zstd", 0x20),
];
