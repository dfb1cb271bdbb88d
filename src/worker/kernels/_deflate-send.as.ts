// Sends a block that has codes. Cost per 4 KiB page of kernel memory: about 6 µs.
import { orderAt } from "./_deflate-codes.as";
import { DISTANCE_CODES, END_OF_BLOCK, HEADER, LENGTH_CODES, LITERAL_CODES, TOKENS } from "./_deflate.as";

// Bits are gathered in a u64, `held` of them, and go out 8 bytes at a time of which only whole bytes count. These two are
// what a flush does; near the end of the room it writes no more than it must.
@inline
function flushBytes(op: usize, stop: usize, buffer: u64, held: u32): void {
  if (stop - op >= 8) store<u64>(op, buffer);
  else storeFew(op, buffer, held);
}

function storeFew(op: usize, buffer: u64, held: u32): void {
  for (; held >= 8; held -= 8) {
    store<u8>(op++, buffer);
    buffer >>>= 8;
  }
}

/**
 * Sends the block: its header, with fixed codes when headerEnd is 0, the literals and the matches. The caller knows that
 * it fits. Returns where its last byte ends.
 */
export function sendBlock(
  src: usize,
  len: usize,
  op: usize,
  stop: usize,
  scratch: usize,
  tokensEnd: usize,
  headerEnd: usize,
  literals: usize,
  distances: usize,
  lengths: usize,
): usize {
  let buffer: u64;
  let held: u32;
  if (headerEnd == 0) {
    buffer = 1 | (1 << 1);
    held = 3;
  } else {
    buffer = <u64>(1 | (2 << 1) | ((literals - 257) << 3) | ((distances - 1) << 8) | ((lengths - 4) << 13));
    held = 17;
    for (let i: usize = 0; i < lengths; i++) {
      buffer |= (<u64>(load<u32>(scratch + LENGTH_CODES + (orderAt(i) << 2)) >>> 16)) << held;
      held += 3;
      flushBytes(op, stop, buffer, held);
      op += held >>> 3;
      buffer >>>= held & 56;
      held &= 7;
    }
    for (let at = scratch + HEADER; at < headerEnd; at += 2) {
      const symbol: usize = load<u8>(at);
      const code = load<u32>(scratch + LENGTH_CODES + (symbol << 2));
      buffer |= (<u64>(code & 0xffff)) << held;
      held += code >>> 16;
      if (symbol >= 16) {
        buffer |= (<u64>load<u8>(at, 1)) << held;
        held += symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
      }
      flushBytes(op, stop, buffer, held);
      op += held >>> 3;
      buffer >>>= held & 56;
      held &= 7;
    }
  }

  const codes = scratch + LITERAL_CODES;
  let ip = src;
  let token = scratch + TOKENS;
  while (true) {
    const entry: u64 = token < tokensEnd ? load<u64>(token) : 0;
    const behind = token < tokensEnd ? ip + <usize>(entry & 0x1ffff) : src + len;
    while (ip < behind) {
      // Up to three literals of at most 14 bits on top of 7 bits held.
      let code = load<u32>(codes + (<usize>load<u8>(ip++) << 2));
      buffer |= (<u64>(code & 0xffff)) << held;
      held += code >>> 16;
      if (ip < behind) {
        code = load<u32>(codes + (<usize>load<u8>(ip++) << 2));
        buffer |= (<u64>(code & 0xffff)) << held;
        held += code >>> 16;
        if (ip < behind) {
          code = load<u32>(codes + (<usize>load<u8>(ip++) << 2));
          buffer |= (<u64>(code & 0xffff)) << held;
          held += code >>> 16;
        }
      }
      flushBytes(op, stop, buffer, held);
      op += held >>> 3;
      buffer >>>= held & 56;
      held &= 7;
    }
    if (token >= tokensEnd) break;
    token += 8;
    const length = <u32>(entry >>> 17) & 511;
    const distance = <u32>(entry >>> 26) & 0x7fff;
    const symbol = <u32>(entry >>> 41) & 31;
    const far = <u32>(entry >>> 46);
    let code = load<u32>(codes + ((257 + symbol) << 2));
    buffer |= (<u64>(code & 0xffff)) << held;
    held += code >>> 16;
    if (symbol >= 8 && symbol < 28) {
      const bits = (symbol >>> 2) - 1;
      buffer |= (<u64>((length - 3) & ((1 << bits) - 1))) << held;
      held += bits;
    }
    code = load<u32>(scratch + DISTANCE_CODES + (far << 2));
    buffer |= (<u64>(code & 0xffff)) << held;
    held += code >>> 16;
    if (far >= 4) {
      const bits = (far >>> 1) - 1;
      buffer |= (<u64>(distance & ((1 << bits) - 1))) << held;
      held += bits;
    }
    flushBytes(op, stop, buffer, held);
    op += held >>> 3;
    buffer >>>= held & 56;
    held &= 7;
    ip += length;
  }
  const code = load<u32>(codes + (END_OF_BLOCK << 2));
  buffer |= (<u64>(code & 0xffff)) << held;
  held += code >>> 16;
  // The last byte is filled up with zeros.
  held = (held + 7) & ~7;
  storeFew(op, buffer, held);
  return op + (held >>> 3);
}
