import { instantiateModule, type WasmMemory } from "../../codec/wasm/wasm.js";

/** The search module. Addresses are bytes of the memory to which it is bound; see search.as.ts. */
export interface SearchModule {
  add(table: number, p: number): void;
  candidates(table: number, src: number, from: number, to: number, out: number, most: number): number;
  landmarks(tables: number, src: number, from: number, to: number, out: number, most: number): number;
}

/** Bytes of the module's table. */
export const SEARCH_TABLE = 1 << 15;
/** Bytes of its tables of landmarks: for each of four places two tables of half bytes, then one of bytes. */
export const LANDMARK_TABLES = 4 * 2 * 16 + 4 * 256;

/**
 * Binds the module to a memory. Compiles it on the first call in a thread.
 * @throws Error if the compiled module is missing: run npm run build
 */
export function loadSearchModule(memory: WasmMemory): SearchModule {
  return instantiateModule(
    "filter/wasm",
    "search",
    ["add", "candidates", "landmarks"],
    memory,
  ) as unknown as SearchModule;
}
