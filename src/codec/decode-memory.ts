import { createWasmMemory, type WasmMemory } from "./wasm/decode/load.js";

/** Pages are 256 KiB at most; a compressed one is smaller than the page. */
export const MAX_PAGE = 256 * 1024;
/** Bytes of a window: as much as is read of a file at once. */
export const WINDOW_BYTES = 256 * 1024;
/** Few dumps are read in turn by one thread: two that are compared, or the parts of a set. */
const WINDOWS = 4;

/** Where decoders write: nothing is kept there from one page to the next. */
export const PAGE_AT = 0;
/** What the inflate module needs, checked when it is loaded. */
export const SCRATCH_AT = PAGE_AT + MAX_PAGE;
export const SCRATCH_BYTES = 64 * 1024;
/** For data that come from elsewhere. */
export const INPUT_AT = SCRATCH_AT + SCRATCH_BYTES;
const WINDOWS_AT = INPUT_AT + MAX_PAGE;

/**
 * The memory that this thread's decoders have in common: files are read into it, and pages are decoded where their data
 * lie. 1.6 MiB, of which only those parts take room that are in use.
 */
export interface DecodeMemory {
  readonly wasmMemory: WasmMemory;
  readonly bytes: Uint8Array;
}

let made: DecodeMemory | undefined;

/** Made when first asked for, once per thread. */
export function decodeMemory(): DecodeMemory {
  if (made === undefined) {
    const wasmMemory = createWasmMemory(WINDOWS_AT + WINDOWS * WINDOW_BYTES);
    made = { wasmMemory, bytes: new Uint8Array(wasmMemory.buffer) };
  }
  return made;
}

const owners: (object | undefined)[] = new Array<undefined>(WINDOWS).fill(undefined);
let turn = 0;

/** Lends a window and returns where it begins. It belongs to `owner` until others have asked for as many as there are. */
export function lendWindow(owner: object): number {
  const index = turn;
  turn = (turn + 1) % WINDOWS;
  owners[index] = owner;
  return WINDOWS_AT + index * WINDOW_BYTES;
}

/** Whether `owner` still has the window that begins there. */
export function ownsWindow(owner: object, start: number): boolean {
  return owners[(start - WINDOWS_AT) / WINDOW_BYTES] === owner;
}
