import { instantiateKernel, type KernelMemory } from "./wasm.js";

export { createKernelMemory, type KernelMemory } from "./wasm.js";

/** A decoder over shared memory. Addresses and lengths are bytes; addresses are offsets into the memory. */
export interface DecodeKernel {
  /**
   * Decompresses src[0, srcLen) into dst[0, cap). Returns the decompressed length, or -1 when the input is malformed or
   * holds more than cap bytes; dst then holds whatever was decoded so far. Nothing outside the two ranges is touched.
   */
  decompress(src: number, srcLen: number, dst: number, cap: number): number;
}

/** A decoder of blocks that may lead back to what was decoded before them: the `history` bytes before dst. */
export interface LinkedDecodeKernel {
  /** As `DecodeKernel` has it; srcLen is below 16 MiB. */
  decompress(src: number, srcLen: number, dst: number, cap: number, history: number): number;
}

/** A decoder that keeps tables in memory of its own. */
export interface InflateKernel {
  /** Bytes that it needs for them, at an address that is a multiple of 16: zeroed before the first call, left alone then. */
  scratchSize(): number;
  /** As `DecodeKernel` has it, but that bytes behind the stream are passed over, as zlib does. */
  decompress(src: number, srcLen: number, dst: number, cap: number, scratch: number): number;
}

/** The kernels of this folder by name. */
export interface ReaderKernels {
  readonly inflate: InflateKernel;
  readonly lz4: LinkedDecodeKernel;
  readonly lzo: DecodeKernel;
  readonly snappy: DecodeKernel;
}

/**
 * Binds a decoder to a memory. Compiles it on the first call in a thread.
 * @throws Error when the compiled kernel is missing: run npm run build
 */
export function loadKernel<N extends keyof ReaderKernels>(name: N, memory: KernelMemory): ReaderKernels[N] {
  const exports = instantiateKernel("reader", name, ["decompress"], memory);
  return exports as unknown as ReaderKernels[N];
}
