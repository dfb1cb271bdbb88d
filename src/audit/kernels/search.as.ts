// Finds the places where one of many byte strings may begin.
//
// Cost: about 1 ns per byte, for one string as for thousands: each place is one load, one multiplication and one bit.

/** Bits of the table: 32 KiB, which stays in the processor's first cache. */
const TABLE_BITS = 18;

/** Bit number of the four bytes at `p` in the table. */
// @ts-ignore: decorator
@inline
function bitOf(p: usize): u32 {
  return (load<u32>(p) * 0x9e37_79b1) >> (32 - TABLE_BITS);
}

/** Sets the bit of the four bytes at `p`: a string begins with them. The caller has cleared the table, 2^18 bits. */
export function add(table: usize, p: usize): void {
  const bit = bitOf(p);
  const at = table + (bit >> 3);
  store<u8>(at, <u8>(<u32>load<u8>(at) | (<u32>1 << (bit & 7))));
}

/**
 * Writes the offsets from `src` of the places in [from, to) whose four bytes have their bit set, as u32, to `out`, `most`
 * at most, and returns how many. Reads src[from, to + 3). When `most` were found, go on behind the last.
 */
export function candidates(table: usize, src: usize, from: u32, to: u32, out: usize, most: u32): u32 {
  let count: u32 = 0;
  for (let i = from; i < to; i++) {
    const bit = bitOf(src + i);
    if ((<u32>load<u8>(table + (bit >> 3)) >> (bit & 7)) & 1) {
      store<u32>(out + (count << 2), i);
      if (++count == most) break;
    }
  }
  return count;
}
