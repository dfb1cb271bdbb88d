import { type Extents, findExtent } from "../extents.js";
import { nextAddress } from "../extents-memory.js";
import type { PhysicalMemory } from "../physical-memory.js";
import type { ByteSource } from "../source/byte-source.js";
import { ChunkReader, MAX_CHUNK } from "./snappy-frames.js";

/** Unpacked chunks of 64 KiB that are kept: page tables, struct pages and their pages are read in turn. */
const HELD = 8;

interface HeldChunk {
  /** Physical address of its first byte; `undefined` if the slot is empty. */
  start: number | undefined;
  size: number;
  readonly bytes: Uint8Array;
}

/**
 * Physical memory of an image packed with snappy. `pieces` are groups of chunks: an index of every chunk would take 400
 * MiB per TiB, an index of every 16th takes 25. Skipping 16 chunk headers takes less time than unpacking one chunk.
 * Reading throws `CORRUPT` and `TRUNCATED`.
 */
export function snappyMemory(source: ByteSource, pieces: Extents): PhysicalMemory {
  const reader = new ChunkReader(source);
  const held: HeldChunk[] = Array.from({ length: HELD }, () => ({
    start: undefined,
    size: 0,
    bytes: new Uint8Array(MAX_CHUNK),
  }));
  let turn = 0;
  // Reads mostly ascend: the chunk after the one unpacked last needs no walk.
  let behind = { piece: -1, address: 0, position: 0 };

  const chunkWith = (address: number): HeldChunk | undefined => {
    const known = held.find(({ start, size }) => start !== undefined && address >= start && address < start + size);
    if (known !== undefined) return known;
    const piece = findExtent(pieces, address);
    if (piece >= pieces.count || (pieces.start[piece] as number) > address) return undefined;
    const goesOn = behind.piece === piece && behind.address <= address;
    let start = goesOn ? behind.address : (pieces.start[piece] as number);
    let chunk = reader.chunkAt(goesOn ? behind.position : (pieces.source[piece] as number));
    while (start + chunk.size <= address) {
      start += chunk.size;
      chunk = reader.chunkAt(chunk.next);
    }
    const entry = held[turn] as HeldChunk;
    turn = (turn + 1) % HELD;
    entry.start = undefined;
    entry.size = chunk.size;
    reader.decode(chunk, entry.bytes.subarray(0, chunk.size));
    entry.start = start;
    behind = { piece, address: start + chunk.size, position: chunk.next };
    return entry;
  };

  return {
    read(into, paddr) {
      let done = 0;
      while (done < into.length) {
        const chunk = chunkWith(paddr + done);
        if (chunk?.start === undefined) return done;
        const within = paddr + done - chunk.start;
        const n = Math.min(into.length - done, chunk.size - within);
        into.set(chunk.bytes.subarray(within, within + n), done);
        done += n;
      }
      return done;
    },
    next: (paddr) => nextAddress(pieces, paddr),
  };
}
