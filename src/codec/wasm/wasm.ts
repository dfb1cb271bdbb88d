import { memoryError } from "../../errors.js";
import { programFile } from "../../program-files.js";

/**
 * The memory of modules: a shared WebAssembly.Memory, which can be posted to other threads. `buffer` is a new object
 * after every `grow`.
 */
export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
  /** Adds pages of 64 KiB and returns the previous number of pages; throws a RangeError above the maximum. */
  grow(pages: number): number;
}

/** The part of WebAssembly that this file uses: neither ES2023 nor @types/node 20 declares it. */
interface WebAssemblyApi {
  readonly Memory: new (options: { initial: number; maximum: number; shared: true }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

const wasm = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

const WASM_PAGE = 65536;

/**
 * Makes a zeroed memory of at least `bytes` that can grow to `maximumBytes`. The maximum only reserves addresses.
 * Modules must not use addresses from 2^32 - 64 KiB on, because the sum of an address and a length must not wrap.
 * Throws `NO_MEMORY`.
 */
export function createWasmMemory(bytes: number, maximumBytes: number = bytes): WasmMemory {
  try {
    return new wasm.Memory({
      initial: Math.ceil(bytes / WASM_PAGE),
      maximum: Math.ceil(maximumBytes / WASM_PAGE),
      shared: true,
    });
  } catch (error) {
    throw memoryError(error) ?? error;
  }
}

/** The most unused memories that are kept. */
const MOST_SPARE = 8;

/** Memories of this thread that are not in use. */
const spare: WasmMemory[] = [];

/**
 * Lends a memory of at least `bytes` for a run. It still contains the data of its previous user. V8 frees a memory only
 * when it collects garbage, and the size of shared memories does not cause that: a process that filtered one dump after
 * the other grew by 15 MiB, and by 20 GiB of addresses, with each dump.
 */
export function borrowMemory(bytes: number): WasmMemory {
  const length = Math.ceil(bytes / WASM_PAGE) * WASM_PAGE;
  const found = spare.findIndex(({ buffer }) => buffer.byteLength === length);
  return found < 0 ? createWasmMemory(bytes) : (spare.splice(found, 1)[0] as WasmMemory);
}

/** Returns a memory from `borrowMemory`: it must not be used any more. */
export function giveBackMemory(memory: WasmMemory): void {
  if (spare.includes(memory)) throw new Error("a memory is given back twice");
  spare.push(memory);
  if (spare.length > MOST_SPARE) spare.shift();
}

/** Compiled modules of this thread, by path. */
const modules = new Map<string, object>();

/**
 * Compiles NAME.wasm, once per thread, and binds it to a memory.
 * @returns the exports; those in `functions` are checked to be functions
 * @throws Error if the file is missing, or is not the module that the caller was written for
 */
export function instantiateModule(
  folder: "codec/wasm/decode" | "codec/wasm/encode" | "filter/wasm",
  name: string,
  functions: readonly string[],
  memory: WasmMemory,
): Readonly<Record<string, unknown>> {
  const path = `${folder}/${name}.wasm`;
  let module = modules.get(path);
  if (module === undefined) {
    module = new wasm.Module(readModule(path));
    modules.set(path, module);
  }
  const { exports } = new wasm.Instance(module, { env: { memory } });
  for (const wanted of functions) {
    if (typeof exports[wanted] !== "function") {
      throw new Error(`${path} has no function ${wanted}: run npm run build`);
    }
  }
  return exports;
}

function readModule(path: string): Uint8Array {
  try {
    return programFile(path, import.meta.url);
  } catch (cause) {
    throw new Error(`${path} cannot be read: run npm run build`, { cause });
  }
}
