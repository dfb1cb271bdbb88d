// LZ4 decompression of a block, written from lz4_Block_format.md (lz4/lz4, BSD).
import { copyMatch, copyWide } from "./_copy.as";

/**
 * Decompresses one LZ4 block. The `history` bytes before dst were decoded before it: matches may reach into them
 * (blocks of a frame that depend on each other). Returns the number of bytes written to dst, or -1 if the block is
 * malformed or holds more than cap bytes. Reads only src[0, srcLen) and dst[-history, cap) and writes only dst[0, cap);
 * after -1 dst holds what was decoded until then. srcLen must be below 16 MiB, so that lengths cannot wrap.
 */
export function decompress(src: usize, srcLen: usize, dst: usize, cap: usize, history: usize): i32 {
  const end = src + srcLen;
  const stop = dst + cap;
  let ip = src;
  let op = dst;
  while (ip < end) {
    const token: u32 = load<u8>(ip++);
    let literals: usize = token >>> 4;
    if (literals == 15) {
      let more: usize = 255;
      while (more == 255) {
        if (ip >= end) return -1;
        more = load<u8>(ip++);
        literals += more;
      }
    }
    const room = min(end - ip, stop - op);
    if (room < literals) return -1;
    copyWide(op, ip, literals, room);
    ip += literals;
    op += literals;
    // The last sequence has no match.
    if (ip == end) return <i32>(op - dst);
    if (end - ip < 2) return -1;
    const distance: usize = load<u16>(ip);
    ip += 2;
    if (distance == 0 || distance > op - dst + history) return -1;
    let length: usize = token & 15;
    if (length == 15) {
      let more: usize = 255;
      while (more == 255) {
        if (ip >= end) return -1;
        more = load<u8>(ip++);
        length += more;
      }
    }
    length += 4;
    if (length > stop - op) return -1;
    copyMatch(op, distance, length, stop);
    op += length;
  }
  // The last sequence must not have a match, but this one had.
  return -1;
}
