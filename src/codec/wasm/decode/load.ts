import { instantiateModule, type WasmMemory } from "../wasm.js";

export { createWasmMemory, type WasmMemory } from "../wasm.js";

/** A decoder in shared memory. Addresses and lengths are bytes; addresses are offsets into the memory. */
export interface DecodeModule {
  /**
   * Decompresses src[0, srcLen) into dst[0, cap). Returns the decompressed length, or -1 if the input is malformed or
   * holds more than cap bytes; dst then holds what was decoded until then. Touches nothing outside the two ranges.
   */
  decompress(src: number, srcLen: number, dst: number, cap: number): number;
}

/** A decoder of blocks that may refer to what was decoded before them: the `history` bytes before dst. */
export interface LinkedDecodeModule {
  /** Like `DecodeModule`; srcLen must be below 16 MiB. */
  decompress(src: number, srcLen: number, dst: number, cap: number, history: number): number;
}

/** A decoder with tables in the memory. */
export interface InflateModule {
  /**
   * Bytes of the tables, whose address must be a multiple of 16. They must be zeroed before the first call, and not be
   * changed afterwards.
   */
  scratchSize(): number;
  /** Like `DecodeModule`, except that bytes behind the stream are ignored, as by zlib. */
  decompress(src: number, srcLen: number, dst: number, cap: number, scratch: number): number;
}

/** The modules of this folder by name. */
export interface DecodeModules {
  readonly inflate: InflateModule;
  readonly lz4: LinkedDecodeModule;
  readonly lzo: DecodeModule;
  readonly snappy: DecodeModule;
}

/**
 * Binds a decoder to a memory. Compiles it on the first call in a thread.
 * @throws Error if the compiled module is missing: run npm run build
 */
export function loadDecodeModule<N extends keyof DecodeModules>(name: N, memory: WasmMemory): DecodeModules[N] {
  const exports = instantiateModule("codec/wasm/decode", name, ["decompress"], memory);
  return exports as unknown as DecodeModules[N];
}
