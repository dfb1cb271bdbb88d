// Snappy decompression of a raw block, written from google/snappy format_description.txt.
//
// Cost per 4 KiB page: about 2 µs for kernel data, 3 µs for code.
import { copyMatch, copyWide } from "./_copy.as";

/**
 * Decompresses one raw snappy block. Returns the number of bytes written to dst, or -1 if the block is malformed: a
 * stated length above cap or different from that of its elements, a distance before the start of the output, or input
 * overrun. Reads only src[0, srcLen) and writes only dst[0, cap); after -1 dst holds what was decoded until then.
 */
export function decompress(src: usize, srcLen: usize, dst: usize, cap: usize): i32 {
  const end = src + srcLen;
  let ip = src;

  // The length of the output, a varint of at most 5 bytes.
  let total: u64 = 0;
  for (let shift: u64 = 0; ; shift += 7) {
    if (ip >= end || shift > 28) return -1;
    const byte: u32 = load<u8>(ip++);
    total |= (<u64>(byte & 127)) << shift;
    if (byte < 128) break;
  }
  if (total > <u64>cap || total > 0x7fffffff) return -1;
  const stop = dst + <usize>total;
  let op = dst;

  while (ip < end) {
    const tag: u32 = load<u8>(ip++);
    let length: usize = (tag >>> 2) + 1;
    let distance: usize;
    const kind = tag & 3;
    if (kind == 0) {
      if (length > 60) {
        // The length less one follows in 1 to 4 bytes.
        const bytes = length - 60;
        if (end - ip < bytes) return -1;
        let n: usize = 0;
        for (let i: usize = 0; i < bytes; i++) n |= (<usize>load<u8>(ip + i)) << (i << 3);
        ip += bytes;
        length = n + 1;
        if (length == 0) return -1;
      }
      const room = min(end - ip, stop - op);
      if (room < length) return -1;
      copyWide(op, ip, length, room);
      ip += length;
      op += length;
      continue;
    }
    if (kind == 1) {
      if (ip >= end) return -1;
      length = ((tag >>> 2) & 7) + 4;
      distance = ((tag >>> 5) << 8) | load<u8>(ip++);
    } else if (kind == 2) {
      if (end - ip < 2) return -1;
      distance = load<u16>(ip);
      ip += 2;
    } else {
      if (end - ip < 4) return -1;
      distance = load<u32>(ip);
      ip += 4;
    }
    // A distance of 0 wraps to the largest number and fails here too.
    if (distance - 1 >= op - dst || length > stop - op) return -1;
    copyMatch(op, distance, length, stop);
    op += length;
  }
  return op == stop ? <i32>total : -1;
}
