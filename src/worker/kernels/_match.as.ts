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

/** Where the bytes at `a` stop being equal to those at `b` (b < a): an address in [a, end]. */
@inline
export function matchEnd(a: usize, b: usize, end: usize): usize {
  while (end - a >= 8) {
    const difference = load<u64>(a) ^ load<u64>(b);
    if (difference != 0) return a + <usize>(ctz(difference) >>> 3);
    a += 8;
    b += 8;
  }
  while (a < end && load<u8>(a) == load<u8>(b)) {
    a++;
    b++;
  }
  return a;
}
