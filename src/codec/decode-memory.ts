import { createWasmMemory, type WasmMemory } from "./wasm/decode/load.js";

/** Pages have at most 256 KiB; a compressed page is smaller. */
export const MAX_PAGE = 256 * 1024;
/** Bytes of a window, which is as much as is read of a file at once. */
export const WINDOW_BYTES = 256 * 1024;
/** One thread reads few dumps alternately: two that are compared, or the parts of a set. */
const WINDOWS = 4;

/** Decoders write here. The content is not kept from one page to the next. */
export const PAGE_AT = 0;
/** Scratch of the inflate module. The size is checked when the module is loaded. */
export const SCRATCH_AT = PAGE_AT + MAX_PAGE;
export const SCRATCH_BYTES = 64 * 1024;
/** For data that are not in a window. */
export const INPUT_AT = SCRATCH_AT + SCRATCH_BYTES;
const WINDOWS_AT = INPUT_AT + MAX_PAGE;

/**
 * The memory that all decoders of this thread share: files are read into it, and pages are decoded from where their
 * data lie. 1.6 MiB, of which only the parts in use take room.
 */
export interface DecodeMemory {
  readonly wasmMemory: WasmMemory;
  readonly bytes: Uint8Array;
}

let made: DecodeMemory | undefined;

/** Made at the first use, once per thread. */
export function decodeMemory(): DecodeMemory {
  if (made === undefined) {
    const wasmMemory = createWasmMemory(WINDOWS_AT + WINDOWS * WINDOW_BYTES);
    made = { wasmMemory, bytes: new Uint8Array(wasmMemory.buffer) };
  }
  return made;
}

const owners: (object | undefined)[] = new Array<undefined>(WINDOWS).fill(undefined);
let turn = 0;

/** Lends a window and returns its start. It belongs to `owner` until all other windows have been lent. */
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
