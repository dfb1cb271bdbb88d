// Sends a block that has codes. Cost per 4 KiB page of kernel memory: 3 µs for tables and slabs, 4 µs for text.
import { orderAt } from "./_deflate-codes.as";
import {
  DISTANCE_CODES,
  END_OF_BLOCK,
  FIRST_LENGTH,
  HEADER,
  LENGTH_CODES,
  LITERAL_BYTES,
  LITERAL_CODES,
  NO_SYMBOL,
  SENT_LENGTHS,
  TOKENS,
} from "./_deflate.as";

// Bits are gathered in a u64, `held` of them, and go out 8 bytes at a time of which only whole bytes count. At most 7 bits
// stay, so 56 can be added.

/** The code of a header's symbol with its extra bits: length << 16 | bits, up to 14 of them. */
@inline
function headerCode(scratch: usize, entry: u32): u32 {
  const symbol = entry & 255;
  const code = load<u32>(scratch + LENGTH_CODES + (<usize>symbol << 2));
  // 2, 3 and 7 extra bits for the symbols 16, 17 and 18.
  const extra = select<u32>((0x732 >>> ((symbol - 16) << 2)) & 15, 0, symbol >= 16);
  return code + (((entry >>> 8) << (code >>> 16)) | (extra << 16));
}

/** The code where run > n, else nothing. */
@inline
function onlyAbove(n: i32, run: i32, code: u32): u32 {
  const mask: i32 = (n - run) >> 31;
  return code & <u32>mask;
}

/** Two codes (length << 16 | bits) as one of up to 28 bits, without its length. */
@inline
function joined(a: u32, b: u32): u64 {
  return <u64>((a & 0xffff) | ((b & 0xffff) << (a >>> 16)));
}

/** Sends the header of a block with fixed codes, as sendHeader does the other. */
export function sendFixedHeader(op: usize): u64 {
  store<u8>(op, 1 | (1 << 1));
  return <u64>op | (<u64>3 << 32);
}

/**
 * Sends the header of a block with dynamic codes. Returns where it ends: an address and, above it, how many bits of the byte
 * there are taken. Up to 8 bytes behind it are written.
 */
export function sendHeader(
  op: usize,
  scratch: usize,
  headerEnd: usize,
  literals: usize,
  distances: usize,
  lengths: usize,
): u64 {
  // 17 bits, two bytes of which go out so that up to 19 times 3 bits find room behind them.
  const first = <u32>1 | (2 << 1) | (<u32>(literals - 257) << 3) | (<u32>(distances - 1) << 8) | (<u32>(lengths - 4) << 13);
  store<u16>(op, first);
  op += 2;
  let buffer = <u64>(first >>> 16);
  let held: u32 = 1;
  for (let i: usize = 0; i < lengths; i++) {
    buffer |= (<u64>load<u8>(scratch + SENT_LENGTHS + orderAt(i))) << held;
    held += 3;
  }
  // Four symbols at a time; what is behind the last is none. The first time the lengths above go out.
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

/**
 * Sends the literals and the matches behind a block's header, where sendHeader left off. Up to 8 bytes behind
 * the last are written.
 */
export function sendTokens(headerSent: u64, scratch: usize, tokenEnd: usize): void {
  let op = <usize>headerSent;
  let held = <u32>(headerSent >>> 32);
  let buffer = <u64>load<u8>(op);
  let from = scratch + LITERAL_BYTES;
  for (let token = scratch + TOKENS; ; token += 8) {
    const entry = load<u64>(token);
    let run = <i32>entry & 0x1ffff;
    for (; run > 4; run -= 4) {
      const four = load<u32>(from);
      const a = load<u32>(scratch + LITERAL_CODES + (<usize>(four & 255) << 2));
      const b = load<u32>(scratch + LITERAL_CODES + (<usize>((four >>> 8) & 255) << 2));
      const c = load<u32>(scratch + LITERAL_CODES + (<usize>((four >>> 16) & 255) << 2));
      const d = load<u32>(scratch + LITERAL_CODES + (<usize>(four >>> 24) << 2));
      const half = (a >>> 16) + (b >>> 16);
      buffer |= (joined(a, b) | (joined(c, d) << half)) << held;
      held += half + (c >>> 16) + (d >>> 16);
      store<u64>(op, buffer);
      op += held >>> 3;
      buffer >>>= held & 56;
      held &= 7;
      from += 4;
    }
    // Runs of literals are short and their lengths cannot be predicted. So no branch depends on them: of the next four those
    // that are not of this run become nothing.
    const four = load<u32>(from);
    from += run;
    const a = onlyAbove(0, run, load<u32>(scratch + LITERAL_CODES + (<usize>(four & 255) << 2)));
    const b = onlyAbove(1, run, load<u32>(scratch + LITERAL_CODES + (<usize>((four >>> 8) & 255) << 2)));
    const c = onlyAbove(2, run, load<u32>(scratch + LITERAL_CODES + (<usize>((four >>> 16) & 255) << 2)));
    const d = onlyAbove(3, run, load<u32>(scratch + LITERAL_CODES + (<usize>(four >>> 24) << 2)));
    const half = (a >>> 16) + (b >>> 16);
    buffer |= (joined(a, b) | (joined(c, d) << half)) << held;
    held += half + (c >>> 16) + (d >>> 16);
    if (token == tokenEnd) break;
    // Up to 47 bits: code and extra bits of the length, and of the distance.
    const word = <u32>entry;
    const code = load<u32>(scratch + (LITERAL_CODES + (FIRST_LENGTH << 2)) + (((word >>> 17) & 31) << 2));
    const far = load<u32>(scratch + DISTANCE_CODES + ((word >>> 27) << 2));
    const ofLength = code >>> 24;
    const size = ofLength + (far >>> 24);
    if (held + size > 63) {
      store<u64>(op, buffer);
      op += held >>> 3;
      buffer >>>= held & 56;
      held &= 7;
    }
    const length = (code & 0xffff) | (((word >>> 22) & 31) << ((code >>> 16) & 31));
    const distance = (far & 0xffff) | (<u32>(entry >>> 32) << ((far >>> 16) & 31));
    buffer |= ((<u64>length) | (<u64>distance << ofLength)) << held;
    held += size;
    store<u64>(op, buffer);
    op += held >>> 3;
    buffer >>>= held & 56;
    held &= 7;
  }
  store<u64>(op, buffer);
  op += held >>> 3;
  buffer >>>= held & 56;
  held &= 7;
  const code = load<u32>(scratch + LITERAL_CODES + (END_OF_BLOCK << 2));
  store<u64>(op, buffer | ((<u64>(code & 0xffff)) << held));
}
