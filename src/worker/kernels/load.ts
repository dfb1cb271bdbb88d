import { HASH_WORDS } from "../../page-record.js";
import { instantiateKernel, type KernelMemory } from "../../reader/kernels/wasm.js";

export { borrowMemory, createKernelMemory, giveBackMemory, type KernelMemory } from "../../reader/kernels/wasm.js";

/** An encoder over shared memory. Addresses and lengths are bytes; addresses are offsets into the memory. */
export interface EncodeKernel {
  /** Bytes of scratch that `compress` needs. Two calls at the same time must not share their scratch. */
  scratchSize(): number;
  /**
   * Compresses src[0, len), 1 <= len <= 65536, into dst[0, cap). Returns the compressed length, or 0 when it would be
   * longer than cap or len is too large; what dst holds is then undefined. The result depends on the input alone: scratch
   * needs no clearing. Nothing outside src, dst[0, cap) and scratch[0, scratchSize()) is touched.
   */
  compress(src: number, len: number, dst: number, cap: number, scratch: number): number;
}

/** Finds all-zero pages. */
export interface ZeroKernel {
  /**
   * Looks at `count` pages of `pageSize` bytes (a multiple of 512) from src on and sets map[i] to 1 when page i is all
   * zero, else to 0. Returns how many are.
   */
  zeroMap(src: number, pageSize: number, count: number, map: number): number;
}

/** Bytes of a page's hash. */
export const HASH_SIZE = 4 * HASH_WORDS;
/** Bytes that the hash's key is longer than a page. */
export const HASH_KEY_TAIL = 3 * HASH_SIZE;

/** Hashes pages so that equal ones can be found: see hash.as.ts for how sure that is. */
export interface HashKernel {
  /**
   * Hashes `count` pages of `pageSize` bytes (a multiple of 32) from src on, HASH_SIZE bytes each, to `out`, with the
   * pageSize + HASH_KEY_TAIL random bytes at `key`. Pages with map[i] = 1 are passed over, unless map is 0.
   */
  hashPages(src: number, pageSize: number, count: number, key: number, map: number, out: number): void;
}

/** The kernels of this folder by name. */
export interface WorkerKernels {
  readonly zero: ZeroKernel;
  readonly hash: HashKernel;
  readonly lzo: EncodeKernel;
  readonly snappy: EncodeKernel;
  readonly deflate: EncodeKernel;
}

const ENCODER = ["scratchSize", "compress"] as const;
const FUNCTIONS: Readonly<Record<keyof WorkerKernels, readonly string[]>> = {
  zero: ["zeroMap"],
  hash: ["hashPages"],
  lzo: ENCODER,
  snappy: ENCODER,
  deflate: ENCODER,
};

/**
 * Binds a kernel to a memory. Compiles it on the first call in a thread.
 * @throws Error when the compiled kernel is missing: run npm run build
 */
export function loadKernel<N extends keyof WorkerKernels>(name: N, memory: KernelMemory): WorkerKernels[N] {
  const exports = instantiateKernel("worker", name, FUNCTIONS[name], memory);
  return exports as unknown as WorkerKernels[N];
}
