import { createRequire } from "node:module";

/** The part of lz4-napi that is used. */
interface Lz4Binding {
  /** Makes a block, preceded by the length of `data` (32 bits, little endian). Runs in a thread of libuv's pool. */
  compress(data: Uint8Array): Promise<Buffer>;
}

/** Bytes that lz4-napi puts before a block. */
export const LZ4_LENGTH_SIZE = 4;

let binding: Lz4Binding | undefined;
let tried = false;

/** lz4-napi, an optional dependency; `undefined` if it is not installed or has no build for the machine. */
export function lz4Binding(): Lz4Binding | undefined {
  if (!tried) {
    tried = true;
    try {
      binding = createRequire(import.meta.url)("lz4-napi") as Lz4Binding;
    } catch {
      // Not installed. Blocks can be read without it, by coresieve's own module.
    }
  }
  return binding;
}
