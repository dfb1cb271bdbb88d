/** Which pages are remembered so that equal ones can share their bytes. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { HASH_WORDS } from "../../src/page-record.js";
import { SharedPages } from "../../src/writer/shared-pages.js";
import { generator } from "../codec/wasm/encode/corpus.js";

/** The hash of page content number n: any 8 words, other ones for each number. */
function hashOf(n: number): Uint32Array {
  const next = generator(n + 1);
  for (let i = 0; i < 10; i++) next();
  return Uint32Array.from({ length: HASH_WORDS }, next);
}

test("a page is where the first equal one is", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 200 }), (contents) => {
      const shared = new SharedPages(contents.length);
      const places = new Map<number, number>();
      let [pages, bytes] = [0, 0];
      contents.forEach((n, i) => {
        const size = 100 + n;
        const found = shared.find(hashOf(n), 0, i * 1000, size);
        expect(found).toBe(places.get(n));
        if (found === undefined) places.set(n, i * 1000);
        else [pages, bytes] = [pages + 1, bytes + size];
      });
      expect(shared.counts).toEqual({ pages, bytes });
    }),
    { numRuns: 100 },
  );
});

test("hashes that differ in one word only are different pages", () => {
  const shared = new SharedPages(100);
  const hash = hashOf(1);
  shared.find(hash, 0, 5000, 10);
  for (let word = 0; word < HASH_WORDS; word++) {
    for (const bit of [0, 15, 31]) {
      const other = hash.slice();
      other[word] = (other[word] as number) ^ (1 << bit);
      expect(shared.find(other, 0, 6000, 10)).toBeUndefined();
      expect(shared.find(hash, 0, 7000, 10)).toBe(5000);
    }
  }
});

test("offsets beyond 4 GiB and the i-th hash of many", () => {
  const shared = new SharedPages(100);
  const hashes = new Uint32Array([...hashOf(1), ...hashOf(2), ...hashOf(1)]);
  expect(shared.find(hashes, 0, 2 ** 45 + 1, 10)).toBeUndefined();
  expect(shared.find(hashes, 1, 2 ** 46, 10)).toBeUndefined();
  expect(shared.find(hashes, 2, 2 ** 47, 10)).toBe(2 ** 45 + 1);
});

test("full: what was not met for the longest time is forgotten, what is met again stays", () => {
  // Two sets of 16 places.
  const shared = new SharedPages(1_000_000, 32);
  const find = (n: number) => shared.find(hashOf(n), 0, n + 1, 10);
  for (let n = 0; n < 200; n++) {
    expect(find(n)).toBeUndefined();
    expect(find(0)).toBe(1);
    // The last 8 are in one set, at worst.
    for (let last = Math.max(0, n - 7); last <= n; last++) expect(find(last)).toBe(last + 1);
  }
  for (let n = 1; n < 150; n++) expect(find(n)).toBeUndefined();
});

test("of more pages than it remembers the last ones are found again, but for a few", () => {
  const shared = new SharedPages(1e9, 1024);
  for (let n = 0; n < 5000; n++) shared.find(hashOf(n), 0, n, 10);
  let found = 0;
  for (let n = 4999; n >= 4500; n--) if (shared.find(hashOf(n), 0, n, 10) === n) found++;
  expect(found).toBeGreaterThan(480);
});
