import { createWasmMemory, type WasmMemory } from "../../codec/wasm/wasm.js";
import { LANDMARK_TABLES, loadSearchModule, SEARCH_TABLE } from "./load-search.js";

/** A byte string that is searched for. */
export interface Needle {
  readonly bytes: Uint8Array;
}

/** Shorter ones are in every dump by chance. */
export const MIN_NEEDLE = 4;
/** So much is read beyond each piece of memory, for strings that begin in it and end behind. */
export const MAX_NEEDLE = 4096;

/** Candidates taken at once. */
const MOST = 4096;
const OUT = SEARCH_TABLE;
/** Tables of landmarks, and what is found by them: two numbers each. */
const LANDMARKS = OUT + 4 * MOST;
const INPUT = LANDMARKS + LANDMARK_TABLES + 8 * MOST;
/** Bytes searched at once. */
const INPUT_BYTES = 1 << 20;

/** Searches bytes for many secrets at once. The caller puts them into `input`. */
export interface Searcher {
  /** Room for `INPUT_BYTES`, and for what a secret that begins there may have behind. */
  readonly input: Uint8Array;
  /** How many bytes of `input` are to be filled with places to search. */
  readonly room: number;
  /** Bytes that a secret can reach beyond the place where it begins. */
  readonly reach: number;
  /** Where `input` is in `memory`, for other kernels. */
  readonly memory: WasmMemory;
  readonly inputAt: number;
  /** A byte per page of the input, for other kernels. */
  readonly mapAt: number;
  /** Room for tables of landmarks and so many places that are found by them. */
  readonly landmarksAt: number;
  readonly mostLandmarks: number;
  /**
   * Calls `found` for each secret that begins in input[start, places) and lies whole in input[0, length), in ascending order
   * of places; `secret` is its index. About 1 ns per byte.
   */
  search(places: number, length: number, found: (secret: number, at: number) => void, start?: number): void;
}

/** `margin`: bytes of the input beyond those that are searched and what a secret may have behind. */
export function createSearcher(secrets: readonly Needle[], pageSize: number, margin = 0): Searcher {
  const room = Math.max(INPUT_BYTES, pageSize);
  const size = room + MAX_NEEDLE + margin;
  // The kernel reads four bytes at each place.
  const mapAt = INPUT + size + 8;
  const memory = createWasmMemory(mapAt + room / 512);
  const bytes = new Uint8Array(memory.buffer);
  const kernel = loadSearchModule(memory);
  const input = bytes.subarray(INPUT, INPUT + size);
  const view = new DataView(memory.buffer, INPUT);
  const places = new Uint32Array(memory.buffer, OUT, MOST);
  /** Secrets by their first four bytes. */
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
