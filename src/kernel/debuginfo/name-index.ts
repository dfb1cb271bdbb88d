/**
 * Finds entries by name without making a string of each: a hash table in typed arrays: 12 bytes for each, and 10 ms
 * for the names of 107,000 types.
 */
export class NameIndex {
  readonly #heads: Uint32Array;
  readonly #next: Uint32Array;
  readonly #hashes: Uint32Array;

  /** `hashes[i]` is `hashName` of entry i's name, or 0 for an entry without one. */
  constructor(hashes: Uint32Array) {
    this.#hashes = hashes;
    this.#heads = new Uint32Array(2 ** Math.max(4, Math.ceil(Math.log2(hashes.length + 1))));
    this.#next = new Uint32Array(hashes.length);
    const mask = this.#heads.length - 1;
    // From the last to the first, so that a chain has them in the source's order.
    for (let i = hashes.length - 1; i >= 0; i--) {
      const hash = hashes[i] as number;
      if (hash === 0) continue;
      const slot = hash & mask;
      this.#next[i] = this.#heads[slot] as number;
      this.#heads[slot] = i + 1;
    }
  }

  /** Entries whose name may be this one (the hash is the same), in order: the caller compares. */
  *candidates(name: Uint8Array): Generator<number> {
    const hash = hashName(name, 0, name.length);
    let at = this.#heads[hash & (this.#heads.length - 1)] as number;
    while (at !== 0) {
      if (this.#hashes[at - 1] === hash) yield at - 1;
      at = this.#next[at - 1] as number;
    }
  }
}

/** Start of a hash: FNV-1a, which is short and good enough for identifiers. */
export const HASH_START = 0x811c9dc5;

/** One more byte. */
export function hashByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

/** Makes a hash of what was added up: spread to the low bits, never 0. */
export function hashEnd(hash: number): number {
  return (hash ^ (hash >>> 15)) >>> 0 || 1;
}

/** Hash of the bytes [start, end). */
export function hashName(bytes: Uint8Array, start: number, end: number): number {
  let hash = HASH_START;
  for (let i = start; i < end; i++) hash = hashByte(hash, bytes[i] as number);
  return hashEnd(hash);
}
