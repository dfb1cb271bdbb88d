import { instantiateModule, type WasmMemory } from "../wasm.js";

export { createWasmMemory, type WasmMemory } from "../wasm.js";

/** A decoder over shared memory. Addresses and lengths are bytes; addresses are offsets into the memory. */
export interface DecodeModule {
  /**
   * Decompresses src[0, srcLen) into dst[0, cap). Returns the decompressed length, or -1 when the input is malformed or
   * holds more than cap bytes; dst then holds whatever was decoded so far. Nothing outside the two ranges is touched.
   */
  decompress(src: number, srcLen: number, dst: number, cap: number): number;
}

/** A decoder of blocks that may lead back to what was decoded before them: the `history` bytes before dst. */
export interface LinkedDecodeModule {
  /** As `DecodeModule` has it; srcLen is below 16 MiB. */
  decompress(src: number, srcLen: number, dst: number, cap: number, history: number): number;
}

/** A decoder that keeps tables in memory of its own. */
export interface InflateModule {
  /** Bytes that it needs for them, at an address that is a multiple of 16: zeroed before the first call, left alone then. */
  scratchSize(): number;
  /** As `DecodeModule` has it, but that bytes behind the stream are passed over, as zlib does. */
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
 * @throws Error when the compiled module is missing: run npm run build
 */
export function loadDecodeModule<N extends keyof DecodeModules>(name: N, memory: WasmMemory): DecodeModules[N] {
  const exports = instantiateModule("codec/wasm/decode", name, ["decompress"], memory);
  return exports as unknown as DecodeModules[N];
}
