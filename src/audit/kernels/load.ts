import { instantiateKernel, type KernelMemory } from "../../reader/kernels/wasm.js";

/** The kernel that searches. Addresses are bytes of the memory it is bound to; see search.as.ts. */
export interface SearchKernel {
  add(table: number, p: number): void;
  candidates(table: number, src: number, from: number, to: number, out: number, most: number): number;
}

/** Bytes of the kernel's table. */
export const SEARCH_TABLE = 1 << 15;

/**
 * Binds the kernel to a memory. Compiles it on the first call in a thread.
 * @throws Error when the compiled kernel is missing: run npm run build
 */
export function loadSearchKernel(memory: KernelMemory): SearchKernel {
  return instantiateKernel("audit", "search", ["add", "candidates"], memory) as unknown as SearchKernel;
}
