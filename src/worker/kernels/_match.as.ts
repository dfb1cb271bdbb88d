// What the LZ encoders share: the hash table and the comparison of a match.
//
// A table is an array of u16 at an address the caller gives. It holds positions relative to the start of the page and is
// all zero at first: an unused entry points at position 0, which is a candidate like any other, because every candidate
// is compared before it is used. So no entry needs to be marked as empty, and a result depends on the page alone.

/** Sets `bytes` bytes (a multiple of 64) to zero. 4 KiB take about 50 ns; memory.fill on shared memory takes longer. */
@inline
export function clear(at: usize, bytes: usize): void {
  const zero = i64x2.splat(0);
  for (let i: usize = 0; i < bytes; i += 64) {
    v128.store(at + i, zero);
    v128.store(at + i, zero, 16);
    v128.store(at + i, zero, 32);
    v128.store(at + i, zero, 48);
  }
}

/** How many of the 16 bytes at `a` and `b` are equal, from the first on. */
@inline
export function equal16(a: usize, b: usize): usize {
  return ctz<u32>(i8x16.bitmask(i8x16.ne(v128.load(a), v128.load(b))) | 0x10000);
}

/**
 * Where the bytes at `a` stop being equal to those at `b` (b < a): an address in [a, end]. The 16 bytes in front of both
 * can be read, too.
 */
@inline
export function matchEnd(a: usize, b: usize, end: usize): usize {
  const distance = a - b;
  for (; end - a >= 16; a += 16) {
    const different: u32 = i8x16.bitmask(i8x16.ne(v128.load(a), v128.load(a - distance)));
    if (different != 0) return a + ctz(different);
  }
  // The last 16 bytes, of which those in front of `a` are shifted out.
  const different: u32 = i8x16.bitmask(i8x16.ne(v128.load(end - 16), v128.load(end - 16 - distance)));
  return a + min<usize>(ctz<u32>(different >>> (16 - <u32>(end - a))), end - a);
}
