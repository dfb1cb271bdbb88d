/** From this many bytes on memory is the system's own piece. */
const OWN_PIECE = 2 ** 20;

/** TypeScript's ES2023 does not declare the second argument. Node 20 has it. */
type Growable = new (length: number, options: { readonly maxByteLength: number }) => SharedArrayBuffer;

let made = 0;

/** Bytes of large pieces that this thread has made since the last call. */
export function newlyShared(): number {
  const bytes = made;
  made = 0;
  return bytes;
}

/**
 * Shared memory of that length, filled with zeros. Large pieces go back to the system when V8 frees them: V8 maps the memory of buffers that can grow, and takes that of others from the C
 * library, whose heap keeps pieces of up to 32 MiB (a worker's was 126 MiB after a dump of 1 TiB). A view of it needs a length, or it would grow, too.
 */
export function sharedBytes(length: number): Uint8Array {
  if (length < OWN_PIECE) return new Uint8Array(new SharedArrayBuffer(length));
  made += length;
  const buffer = new (SharedArrayBuffer as unknown as Growable)(length, { maxByteLength: length });
  return new Uint8Array(buffer, 0, length);
}
