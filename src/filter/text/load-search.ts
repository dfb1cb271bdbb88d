import { instantiateModule, type WasmMemory } from "../../codec/wasm/wasm.js";

/** The module that searches. Addresses are bytes of the memory it is bound to; see search.as.ts. */
export interface SearchModule {
  add(table: number, p: number): void;
  candidates(table: number, src: number, from: number, to: number, out: number, most: number): number;
}

/** Bytes of the module's table. */
export const SEARCH_TABLE = 1 << 15;

/**
 * Binds the kernel to a memory. Compiles it on the first call in a thread.
 * @throws Error when the compiled module is missing: run npm run build
 */
export function loadSearchModule(memory: WasmMemory): SearchModule {
  return instantiateModule("filter/wasm", "search", ["add", "candidates"], memory) as unknown as SearchModule;
}
