import { instantiateModule, type WasmMemory } from "../../codec/wasm/wasm.js";

export { borrowMemory, giveBackMemory } from "../../codec/wasm/wasm.js";

/** The module of pass 1. Addresses are bytes of the memory it is bound to. */
export interface ClassifyModule {
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
 * @throws Error when the compiled module is missing: run npm run build
 */
export function loadClassifyModule(memory: WasmMemory): ClassifyModule {
  const exports = instantiateModule("filter/wasm", "classify", ["classify", "drop"], memory);
  return exports as unknown as ClassifyModule;
}
