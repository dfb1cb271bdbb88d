// Sends a block that has codes. Cost per 4 KiB page of kernel memory: 2 µs for tables and slabs, 4 µs for text.
import { orderAt } from "./_deflate-codes.as";
import {
  DISTANCE_CODES,
  END_OF_BLOCK,
  HEADER,
  LENGTH_CODES,
  LENGTH_LENGTHS,
  LITERAL_BYTES,
  LITERAL_CODES,
  TOKENS,
} from "./_deflate.as";

// Bits are gathered in a u64, `held` of them, and go out 8 bytes at a time of which only whole bytes count. This is what
// a flush does; near the end of the room it writes no more than it must.
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
  op: usize,
  stop: usize,
  scratch: usize,
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
    // 17 bits, two bytes of which go out so that up to 19 times 3 bits find room behind them.
    const first = <u32>(1 | (2 << 1) | ((literals - 257) << 3) | ((distances - 1) << 8) | ((lengths - 4) << 13));
    store<u16>(op, first);
    op += 2;
    buffer = first >>> 16;
    held = 1;
    for (let i: usize = 0; i < lengths; i++) {
      buffer |= (<u64>load<u8>(scratch + LENGTH_LENGTHS + orderAt(i))) << held;
      held += 3;
    }
    flushBytes(op, stop, buffer, held);
    op += held >>> 3;
    buffer >>>= held & 56;
    held &= 7;
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
  let from = scratch + LITERAL_BYTES;
  let token = scratch + TOKENS;
  while (true) {
    const entry = load<u64>(token);
    let run = <usize>(entry & 0x1ffff);
    // Four literals at a time, 56 bits on top of 7 bits held.
    while (true) {
      const four = load<u32>(from);
      const a = load<u32>(codes + (<usize>(four & 255) << 2));
      const b = load<u32>(codes + (<usize>((four >>> 8) & 255) << 2));
      const c = load<u32>(codes + (<usize>((four >>> 16) & 255) << 2));
      const d = load<u32>(codes + (<usize>(four >>> 24) << 2));
      // How many of the four, and of their bits, are really there is found without a branch: runs of literals are short and
      // their lengths cannot be predicted.
      const endA = a >>> 16;
      const endB = endA + (b >>> 16);
      const endC = endB + (c >>> 16);
      const endD = endC + (d >>> 16);
      const bits =
        (<u64>(a & 0xffff)) | ((<u64>(b & 0xffff)) << endA) | ((<u64>(c & 0xffff)) << endB) | ((<u64>(d & 0xffff)) << endC);
      const size = select<u32>(
        select<u32>(select<u32>(0, endA, run == 0), endB, run < 2),
        select<u32>(endC, endD, run == 3),
        run < 3,
      );
      buffer |= (bits & ((<u64>1 << size) - 1)) << held;
      held += size;
      flushBytes(op, stop, buffer, held);
      op += held >>> 3;
      buffer >>>= held & 56;
      held &= 7;
      if (run <= 4) break;
      run -= 4;
      from += 4;
    }
    from += run;
    const length = <u32>(entry >>> 17) & 511;
    if (length == 0) break; // the last
    token += 8;
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
    const bits = max<i32>(<i32>(far >>> 1) - 1, 0);
    buffer |= (<u64>(distance & ((1 << bits) - 1))) << held;
    held += bits;
    flushBytes(op, stop, buffer, held);
    op += held >>> 3;
    buffer >>>= held & 56;
    held &= 7;
  }
  const code = load<u32>(codes + (END_OF_BLOCK << 2));
  buffer |= (<u64>(code & 0xffff)) << held;
  held += code >>> 16;
  // The last byte is filled up with zeros.
  held = (held + 7) & ~7;
  storeFew(op, buffer, held);
  return op + (held >>> 3);
}
