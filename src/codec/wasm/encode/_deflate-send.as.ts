// Sends a block that has codes. Cost per 4 KiB page of kernel memory: 3 µs for tables and slabs, 4 µs for text.
import { orderAt } from "./_deflate-codes.as";
import {
  ENTRIES,
  HEADER,
  LENGTH_CODES,
  LITERAL_CODES,
  NO_SYMBOL,
  SENT_LENGTHS,
  SIZES,
  SYMBOL_MASK,
  VALUE_SHIFT,
} from "./_deflate.as";

// Bits are collected in a u64, whose number is `held`. 8 bytes at a time are stored, but only the whole bytes among
// them count. At most 7 bits remain, so 56 can be added.

/** The code of a header's symbol with its extra bits: length << 16 | bits, up to 14 of them. */
@inline
function headerCode(scratch: usize, entry: u32): u32 {
  const symbol = entry & 255;
  const code = load<u32>(scratch + LENGTH_CODES + (<usize>symbol << 2));
  // 2, 3 and 7 extra bits for the symbols 16, 17 and 18.
  const extra = select<u32>((0x732 >>> ((symbol - 16) << 2)) & 15, 0, symbol >= 16);
  return code + (((entry >>> 8) << (code >>> 16)) | (extra << 16));
}

/** Two codes (length << 16 | bits) as one of up to 28 bits, without its length. */
@inline
function joined(a: u32, b: u32): u64 {
  return <u64>((a & 0xffff) | ((b & 0xffff) << (a >>> 16)));
}

/** Sends the header of a block with fixed codes. Returns what sendHeader does. */
export function sendFixedHeader(op: usize): u64 {
  store<u8>(op, 1 | (1 << 1));
  return <u64>op | (<u64>3 << 32);
}

/**
 * Sends the header of a block with dynamic codes. Returns its end: an address and, above it, how many bits of the byte
 * there are used. Writes up to 8 bytes behind it.
 */
export function sendHeader(
  op: usize,
  scratch: usize,
  headerEnd: usize,
  literals: usize,
  distances: usize,
  lengths: usize,
): u64 {
  // 17 bits. Two bytes are stored, so that up to 19 times 3 bits have room behind them.
  const first = <u32>1 | (2 << 1) | (<u32>(literals - 257) << 3) | (<u32>(distances - 1) << 8) | (<u32>(lengths - 4) << 13);
  store<u16>(op, first);
  op += 2;
  let buffer = <u64>(first >>> 16);
  let held: u32 = 1;
  for (let i: usize = 0; i < lengths; i++) {
    buffer |= (<u64>load<u8>(scratch + SENT_LENGTHS + orderAt(i))) << held;
    held += 3;
  }
  // Four symbols at a time; behind the last one, NO_SYMBOL. The first iteration also stores the lengths from above.
  store<u64>(headerEnd, <u64>NO_SYMBOL * 0x0001000100010001);
  for (let at = scratch + HEADER; ; at += 8) {
    store<u64>(op, buffer);
    op += held >>> 3;
    buffer >>>= held & 56;
    held &= 7;
    if (at >= headerEnd) break;
    const four = load<u64>(at);
    const a = headerCode(scratch, <u32>four & 0xffff);
    const b = headerCode(scratch, <u32>(four >>> 16) & 0xffff);
    const c = headerCode(scratch, <u32>(four >>> 32) & 0xffff);
    const d = headerCode(scratch, <u32>(four >>> 48));
    const half = (a >>> 16) + (b >>> 16);
    buffer |= (joined(a, b) | (joined(c, d) << half)) << held;
    held += half + (c >>> 16) + (d >>> 16);
  }
  return <u64>op | (<u64>held << 32);
}

/** Sends the entries behind the header that sendHeader returned. Writes up to 8 bytes behind the last. */
export function sendEntries(headerSent: u64, scratch: usize, end: usize): void {
  let op = <usize>headerSent;
  let held = <u32>(headerSent >>> 32);
  let buffer = <u64>load<u8>(op);
  const codes = scratch + LITERAL_CODES;
  for (let e = scratch + ENTRIES; e < end; e += 12) {
    const a = load<u32>(e);
    const b = load<u32>(e, 4);
    const c = load<u32>(e, 8);
    const atA = codes + (a & SYMBOL_MASK);
    const atB = codes + (b & SYMBOL_MASK);
    const atC = codes + (c & SYMBOL_MASK);
    const sizeA = load<u32>(atA, SIZES - LITERAL_CODES);
    const sizeB = load<u32>(atB, SIZES - LITERAL_CODES);
    const sizeC = load<u32>(atC, SIZES - LITERAL_CODES);
    const two = (sizeA >>> 8) + (sizeB >>> 8);
    buffer |=
      ((<u64>(((a >>> VALUE_SHIFT) << sizeA) + load<u32>(atA))) |
        ((<u64>(((b >>> VALUE_SHIFT) << sizeB) + load<u32>(atB))) << (sizeA >>> 8)) |
        ((<u64>(((c >>> VALUE_SHIFT) << sizeC) + load<u32>(atC))) << two)) <<
      held;
    held += two + (sizeC >>> 8);
    store<u64>(op, buffer);
    op += held >>> 3;
    buffer >>>= held & 56;
    held &= 7;
  }
}
