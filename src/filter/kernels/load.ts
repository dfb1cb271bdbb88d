import { instantiateKernel, type KernelMemory } from "../../reader/kernels/wasm.js";

export { borrowMemory, giveBackMemory } from "../../reader/kernels/wasm.js";

/** The kernel of pass 1. Addresses are bytes of the memory it is bound to. */
export interface ClassifyKernel {
  classify(
    params: number,
    state: number,
    pages: number,
    firstPfn: number,
    from: number,
    to: number,
    present: number,
    classes: number,
    known: number,
  ): number;
  drop(state: number, count: number, present: number, classes: number): void;
}

/**
 * Binds the kernel to a memory. Compiles it on the first call in a thread.
 * @throws Error when the compiled kernel is missing: run npm run build
 */
export function loadKernel(memory: KernelMemory): ClassifyKernel {
  const exports = instantiateKernel("filter", "classify", ["classify", "drop"], memory);
  return exports as unknown as ClassifyKernel;
}
