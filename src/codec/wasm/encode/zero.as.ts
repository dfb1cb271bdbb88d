// Finds all-zero pages.
//
// Cost per 4 KiB page: about 10 ns if the page is not zero (most pages show that in their first 128 bytes); otherwise
// one read of the page, about 0.2 µs from the cache.

/**
 * Writes 1 to `map[i]` if page i is all zero, otherwise 0. `pageSize` is in bytes and a multiple of 128. Reads src[0,
 * pageSize * count), writes map[0, count).
 * Returns the number of zero pages.
 */
export function zeroMap(src: usize, pageSize: usize, count: i32, map: usize): i32 {
  let zeros = 0;
  for (let i = 0; i < count; i++) {
    const end = src + pageSize;
    let p = src;
    let zero: i32 = 1;
    while (p < end) {
      const a = v128.or(v128.or(v128.load(p), v128.load(p, 16)), v128.or(v128.load(p, 32), v128.load(p, 48)));
      const b = v128.or(v128.or(v128.load(p, 64), v128.load(p, 80)), v128.or(v128.load(p, 96), v128.load(p, 112)));
      if (v128.any_true(v128.or(a, b))) {
        zero = 0;
        break;
      }
      p += 128;
    }
    store<u8>(map + i, zero as u8);
    zeros += zero;
    src = end;
  }
  return zeros;
}
