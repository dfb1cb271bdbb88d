// What the LZ encoders share: the hash table and the comparison of a match.
//
// A table is an array of u16 at an address of the caller's. It holds positions relative to the start of the page and is
// all zero at first: an unused entry means position 0, which is a candidate like any other, because every candidate is
// compared before it is used. So no entry needs to be marked as empty, and a result depends on the page alone.

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

/** 16 bits, one for each byte that is equal at `a` and `b`. */
@inline
export function equalMask(a: usize, b: usize): u32 {
  return i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)));
}

/** How many of the first bytes at `a` and `b` are equal, at most 16. */
@inline
export function equal16(a: usize, b: usize): usize {
  return ctz(~equalMask(a, b));
}

/** The places in an equalMask where four equal bytes begin. */
@inline
export function runsOf4(equal: u32): u32 {
  const two = equal & (equal >>> 1);
  return two & (two >>> 2);
}

/** The places in an equalMask where seven equal bytes begin. */
@inline
export function runsOf7(equal: u32): u32 {
  const two = equal & (equal >>> 1);
  const four = two & (two >>> 2);
  return four & (four >>> 3);
}

/**
 * Where the bytes at `a` stop being equal to those at `b` (b < a): an address in [a, end]. The 16 bytes before both
 * must be readable, too.
 */
@inline
export function matchEnd(a: usize, b: usize, end: usize): usize {
  const distance = a - b;
  for (; end - a >= 16; a += 16) {
    const equal = equalMask(a, a - distance);
    if (equal != 0xffff) return a + ctz(~equal);
  }
  // The last 16 bytes, without those before `a`, which are shifted out.
  const equal = equalMask(end - 16, end - 16 - distance);
  return a + min<usize>(ctz(~(equal >>> (16 - <u32>(end - a)))), end - a);
}
