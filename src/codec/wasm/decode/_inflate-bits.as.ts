// Reads bits of a deflate stream, for the parts that are read once per block.
import { SCRATCH } from "./_inflate-tables.as";

// The state of a stream, behind the tables. It is kept in memory between blocks.
export const S_BITS: usize = SCRATCH; // u64: bits that were read and not used yet
export const S_COUNT: usize = SCRATCH + 8; // i32: their number
export const S_IN: usize = SCRATCH + 12; // u32: address of the next byte
export const S_END: usize = SCRATCH + 16; // u32: the end of the input

/** Adds bits as long as there is input. */
@inline
function fill(scratch: usize, n: i32): void {
  let bits = load<u64>(scratch + S_BITS);
  let count = load<i32>(scratch + S_COUNT);
  let ip = <usize>load<u32>(scratch + S_IN);
  const end = <usize>load<u32>(scratch + S_END);
  while (count < n && ip < end) {
    bits |= <u64>load<u8>(ip++) << <u64>count;
    count += 8;
  }
  store<u64>(scratch + S_BITS, bits);
  store<i32>(scratch + S_COUNT, count);
  store<u32>(scratch + S_IN, <u32>ip);
}

/** The next n bits, at most 16. Behind the end all bits are ones, which is not a valid value anywhere. */
export function take(scratch: usize, n: i32): u32 {
  if (load<i32>(scratch + S_COUNT) < n) fill(scratch, n);
  const bits = load<u64>(scratch + S_BITS);
  const count = load<i32>(scratch + S_COUNT);
  if (count < n) return 0xffff_ffff;
  store<u64>(scratch + S_BITS, bits >> <u64>n);
  store<i32>(scratch + S_COUNT, count - n);
  return <u32>bits & ((1 << n) - 1);
}

/** Gives back whole bytes that were not used, and drops the rest of a byte. Returns the address of the next byte. */
export function alignToByte(scratch: usize): usize {
  const at = <usize>load<u32>(scratch + S_IN) - <usize>(load<i32>(scratch + S_COUNT) >> 3);
  store<u64>(scratch + S_BITS, 0);
  store<i32>(scratch + S_COUNT, 0);
  store<u32>(scratch + S_IN, <u32>at);
  return at;
}
