/** The hash of pages, against its formula in slow arithmetic. */
import { expect, test } from "vitest";
import { HASH_KEY_TAIL, HASH_SIZE, loadEncodeModule } from "../../../../src/codec/wasm/encode/load.js";
import { createArena } from "./arena.js";
import { randomBytes } from "./corpus.js";

/** Four times the sum of (m + k)(m' + k'), the key 32 bytes further each time; m' is 4 words behind m. */
function slowHash(page: Uint8Array, key: Uint8Array): bigint[] {
  const words = (bytes: Uint8Array) => new Uint32Array(bytes.slice().buffer);
  const [m, k] = [words(page), words(key)];
  return [0, 8, 16, 24].map((shift) => {
    let sum = 0n;
    for (let i = 0; i < m.length; i += 8) {
      for (let j = i; j < i + 4; j++) {
        const a = ((m[j] as number) + (k[j + shift] as number)) >>> 0;
        const b = ((m[j + 4] as number) + (k[j + 4 + shift] as number)) >>> 0;
        sum += BigInt(a) * BigInt(b);
      }
    }
    return BigInt.asUintN(64, sum);
  });
}

test.each([512, 4096, 65536])("hashPages of %i bytes is NH with a key that moves on", (pageSize) => {
  const arena = createArena(1 << 20);
  const { hashPages } = loadEncodeModule("hash", arena.memory);
  const count = 5;
  for (const where of ["start", "end"] as const) {
    const lengths = [pageSize * count, pageSize + HASH_KEY_TAIL, count, HASH_SIZE * count];
    const addresses = arena.place(where === "end" ? lengths.reverse() : lengths, where);
    if (where === "end") addresses.reverse();
    const [src = 0, keyAt = 0, map = 0, out = 0] = addresses;
    const key = randomBytes(pageSize + HASH_KEY_TAIL, 3);
    arena.bytes.set(key, keyAt);
    const pages = randomBytes(pageSize * count, 4);
    pages.fill(0, 0, pageSize);
    pages.fill(0xff, pageSize, 2 * pageSize);
    arena.bytes.set(pages, src);
    arena.bytes.set([0, 0, 1, 0, 0], map);
    const at = (i: number) => arena.bytes.slice(out + i * HASH_SIZE, out + (i + 1) * HASH_SIZE);
    const wanted = (i: number) => slowHash(pages.subarray(i * pageSize, (i + 1) * pageSize), key);
    arena.bytes.fill(0x5a, out, out + HASH_SIZE * count);
    hashPages(src, pageSize, count, keyAt, map, out);
    for (const i of [0, 1, 3, 4]) expect([...new BigUint64Array(at(i).buffer)]).toEqual(wanted(i));
    expect([...at(2)], "a page of zeros is passed over").toEqual(new Array(HASH_SIZE).fill(0x5a));
    hashPages(src, pageSize, count, keyAt, 0, out);
    expect([...new BigUint64Array(at(2).buffer)]).toEqual(wanted(2));
    arena.check();
  }
});

test("any one bit of a page changes all four sums, as does the exchange of two words", () => {
  const arena = createArena(1 << 18);
  const { hashPages } = loadEncodeModule("hash", arena.memory);
  const [src, keyAt, out] = [0, 8192, 16384];
  arena.bytes.set(randomBytes(4096 + HASH_KEY_TAIL, 8), keyAt);
  const hash = () => {
    hashPages(src, 4096, 1, keyAt, 0, out);
    return [...new BigUint64Array(arena.bytes.slice(out, out + HASH_SIZE).buffer)];
  };
  for (const page of [new Uint8Array(4096), new Uint8Array(4096).fill(0xff), randomBytes(4096, 9)]) {
    arena.bytes.set(page, src);
    const before = hash();
    for (let bit = 0; bit < 8 * 4096; bit += 7) {
      const byte = src + (bit >> 3);
      arena.bytes[byte] = (arena.bytes[byte] as number) ^ (1 << (bit & 7));
      const after = hash();
      expect(after.filter((sum, i) => sum === before[i])).toEqual([]);
      arena.bytes[byte] = (arena.bytes[byte] as number) ^ (1 << (bit & 7));
    }
  }
  const words = new Uint32Array(arena.memory.buffer, src, 1024);
  const before = hash();
  for (let i = 4; i < 1024; i += 5) {
    const [a, b] = [words[0] as number, words[i] as number];
    [words[0], words[i]] = [b, a];
    expect(hash().filter((sum, n) => sum === before[n])).toEqual([]);
    [words[0], words[i]] = [a, b];
  }
});
