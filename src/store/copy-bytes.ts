/**
 * Copies all of `from` to `at` of `into`, in one native step. `TypedArray.set` copies to and from shared memory in
 * small atomic steps if the two are aligned differently: 0.22 to 0.26 s per GB of data from a socket, instead of 0.06
 * (Node 20, x86-64). `fill` is Node's only copying function that does not use it (lib/buffer.js of Node 20 to 24).
 * Nobody may write to either range meanwhile.
 */
export function copyBytes(from: Uint8Array, into: Uint8Array, at: number): void {
  // `fill` cannot repeat an empty range.
  if (from.length === 0) return;
  Buffer.from(into.buffer, into.byteOffset, into.byteLength).fill(from, at, at + from.length);
}
