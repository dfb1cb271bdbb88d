import { instantiateModule, type WasmMemory } from "../../codec/wasm/wasm.js";

export { borrowMemory, createWasmMemory, giveBackMemory, type WasmMemory } from "../../codec/wasm/wasm.js";

/** The module of pass 1. Addresses are bytes of the memory to which it is bound. */
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
 * Binds the module to a memory. Compiles it on the first call in a thread.
 * @throws Error if the compiled module is missing: run npm run build
 */
export function loadClassifyModule(memory: WasmMemory): ClassifyModule {
  const exports = instantiateModule("filter/wasm", "classify", ["classify", "drop"], memory);
  return exports as unknown as ClassifyModule;
}

/** The module of `--privacy strict`: see strict.as.ts. Addresses are bytes of the memory to which it is bound. */
export interface StrictModule {
  begin(scratch: number, pageSize: number, wordSize: number, kind: number): void;
  paint(
    scratch: number,
    pageSize: number,
    wordSize: number,
    at: number,
    every: number,
    count: number,
    mask: number,
    kinds: number,
    length: number,
    link: number,
    states: number,
  ): void;
  keep(scratch: number, pageSize: number, wordSize: number, from: number, to: number): void;
  apply(
    page: number,
    scratch: number,
    pageSize: number,
    wordSize: number,
    littleEndian: number,
    addresses: number,
    count: number,
    signature: number,
  ): number;
}

/**
 * Binds the module to a memory. Compiles it on the first call in a thread.
 * @throws Error if the compiled module is missing: run npm run build
 */
export function loadStrictModule(memory: WasmMemory): StrictModule {
  const functions = ["begin", "paint", "keep", "apply"];
  return instantiateModule("filter/wasm", "strict", functions, memory) as unknown as StrictModule;
}
