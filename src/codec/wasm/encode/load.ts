import { HASH_WORDS } from "../../../page-record.js";
import { instantiateModule, type WasmMemory } from "../wasm.js";

export { borrowMemory, createWasmMemory, giveBackMemory, type WasmMemory } from "../wasm.js";

/** An encoder in shared memory. Addresses and lengths are bytes; addresses are offsets into the memory. */
export interface EncodeModule {
  /** Bytes of scratch for `compress`. Simultaneous calls must not share their scratch. */
  scratchSize(): number;
  /**
   * Compresses src[0, len), 1 <= len <= 65536, into dst[0, cap). Returns the compressed length, or 0 if it would be
   * longer than cap or if len is too large; the content of dst is undefined then. The result depends only on the input:
   * scratch needs no clearing. Touches nothing outside src, dst[0, cap) and scratch[0, scratchSize()).
   */
  compress(src: number, len: number, dst: number, cap: number, scratch: number): number;
}

/** Finds all-zero pages. */
export interface ZeroModule {
  /**
   * Checks `count` pages of `pageSize` bytes (a multiple of 512) from src on: sets map[i] to 1 if page i is all zero,
   * otherwise to 0. Returns the number of zero pages.
   */
  zeroMap(src: number, pageSize: number, count: number, map: number): number;
}

/** Bytes of a page's hash. */
export const HASH_SIZE = 4 * HASH_WORDS;
/** How many bytes the hash's key is longer than a page. */
export const HASH_KEY_TAIL = 3 * HASH_SIZE;

/** Hashes pages so that equal pages can be found: hash.as.ts says how certain that is. */
export interface HashModule {
  /**
   * Hashes `count` pages of `pageSize` bytes (a multiple of 32) from src on, HASH_SIZE bytes each, to `out`, with the
   * pageSize + HASH_KEY_TAIL random bytes at `key`. Skips pages with map[i] = 1, unless map is 0.
   */
  hashPages(src: number, pageSize: number, count: number, key: number, map: number, out: number): void;
}

/** The modules of this folder by name. */
export interface EncodeModules {
  readonly zero: ZeroModule;
  readonly hash: HashModule;
  readonly lzo: EncodeModule;
  readonly snappy: EncodeModule;
  readonly deflate: EncodeModule;
}

const ENCODER = ["scratchSize", "compress"] as const;
const FUNCTIONS: Readonly<Record<keyof EncodeModules, readonly string[]>> = {
  zero: ["zeroMap"],
  hash: ["hashPages"],
  lzo: ENCODER,
  snappy: ENCODER,
  deflate: ENCODER,
};

/**
 * Binds a module to a memory. Compiles it on the first call in a thread.
 * @throws Error if the compiled module is missing: run npm run build
 */
export function loadEncodeModule<N extends keyof EncodeModules>(name: N, memory: WasmMemory): EncodeModules[N] {
  const exports = instantiateModule("codec/wasm/encode", name, FUNCTIONS[name], memory);
  return exports as unknown as EncodeModules[N];
}
