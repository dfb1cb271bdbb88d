import type { Sink } from "../../src/writer/sink.js";

/** A sink that keeps what is written and what it is told. */
export interface MemorySink extends Sink {
  /** What the writer said before its first write. */
  readonly told: { ascendingFrom?: number; atMost?: number };
  /** The file, of that length. Throws if something was written behind its end. */
  file(size: number): Buffer;
}

export function memorySink(): MemorySink {
  const writes: { readonly bytes: Uint8Array; readonly offset: number }[] = [];
  const told: { ascendingFrom?: number; atMost?: number } = {};
  return {
    name: "memory",
    told,
    ascendingFrom(offset) {
      told.ascendingFrom = offset;
    },
    atMost(bytes) {
      told.atMost = bytes;
    },
    write(bytes, offset) {
      writes.push({ bytes: bytes.slice(), offset });
    },
    finish: async () => undefined,
    abort: async () => undefined,
    file(size) {
      const all = Buffer.alloc(size);
      for (const { bytes, offset } of writes) {
        if (offset + bytes.length > size) throw new Error(`${offset + bytes.length} bytes in a file of ${size}`);
        all.set(bytes, offset);
      }
      return all;
    },
  };
}
