import { createWasmMemory, type WasmMemory } from "../../codec/wasm/wasm.js";
import { LANDMARK_TABLES, loadSearchModule, SEARCH_TABLE } from "./load-search.js";

/** A byte string to search for. */
export interface Needle {
  readonly bytes: Uint8Array;
}

/** Shorter strings are in every dump by chance. */
export const MIN_NEEDLE = 4;
/** How much is read behind each piece of memory, for strings that begin in it and end behind it. */
export const MAX_NEEDLE = 4096;

/** The most candidates per call of the module. */
const MOST = 4096;
const OUT = SEARCH_TABLE;
/** Tables of landmarks, and the places found: two numbers each. */
const LANDMARKS = OUT + 4 * MOST;
const INPUT = LANDMARKS + LANDMARK_TABLES + 8 * MOST;
/** Bytes that are searched at once. */
const INPUT_BYTES = 1 << 20;

/** Searches bytes for many strings at once. The caller puts the bytes into `input`. */
export interface Searcher {
  /** Room for `INPUT_BYTES`, and for the rest of a string that begins there. */
  readonly input: Uint8Array;
  /** How many bytes of `input` are searched for beginnings. */
  readonly room: number;
  /** How many bytes a string can reach behind the place where it begins. */
  readonly reach: number;
  /** Where `input` is in `memory`, for other modules. */
  readonly memory: WasmMemory;
  readonly inputAt: number;
  /** One byte per page of the input, for other modules. */
  readonly mapAt: number;
  /** Room for tables of landmarks, and for this many places found by them. */
  readonly landmarksAt: number;
  readonly mostLandmarks: number;
  /**
   * Calls `found` for each string that begins in input[start, places) and is completely in input[0, length), in
   * ascending order of places; `secret` is its index. About 1 ns per byte.
   */
  search(places: number, length: number, found: (secret: number, at: number) => void, start?: number): void;
}

/** `margin`: bytes of the input in addition to the searched ones and the rest of a string. */
export function createSearcher(secrets: readonly Needle[], pageSize: number, margin = 0): Searcher {
  const room = Math.max(INPUT_BYTES, pageSize);
  const size = room + MAX_NEEDLE + margin;
  // The module reads four bytes at each place.
  const mapAt = INPUT + size + 8;
  const memory = createWasmMemory(mapAt + room / 512);
  const bytes = new Uint8Array(memory.buffer);
  const kernel = loadSearchModule(memory);
  const input = bytes.subarray(INPUT, INPUT + size);
  const view = new DataView(memory.buffer, INPUT);
  const places = new Uint32Array(memory.buffer, OUT, MOST);
  /** Strings by their first four bytes. */
  const byStart = new Map<number, number[]>();
  secrets.forEach((secret, i) => {
    input.set(secret.bytes.subarray(0, MIN_NEEDLE));
    kernel.add(0, INPUT);
    const start = view.getUint32(0);
    const same = byStart.get(start);
    if (same === undefined) byStart.set(start, [i]);
    else same.push(i);
  });
  const reach = secrets.reduce((most, secret) => Math.max(most, secret.bytes.length - 1), 0);

  const isAt = (secret: Uint8Array, at: number): boolean => {
    for (let i = MIN_NEEDLE; i < secret.length; i++) if (input[at + i] !== secret[i]) return false;
    return true;
  };
  return {
    ...{ input, room, reach, memory, inputAt: INPUT, mapAt, landmarksAt: LANDMARKS, mostLandmarks: MOST },
    search(end, length, found, start = 0) {
      if (secrets.length === 0) return;
      const last = Math.min(end, length - MIN_NEEDLE + 1);
      for (let from = start; from < last; ) {
        const count = kernel.candidates(0, INPUT, from, last, OUT, MOST);
        for (let c = 0; c < count; c++) {
          const at = places[c] as number;
          for (const i of byStart.get(view.getUint32(at)) ?? []) {
            const secret = (secrets[i] as Needle).bytes;
            if (at + secret.length <= length && isAt(secret, at)) found(i, at);
          }
        }
        from = count === MOST ? (places[MOST - 1] as number) + 1 : last;
      }
    },
  };
}
