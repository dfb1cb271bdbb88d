// LZO1X decompression, bitstream version 0, written from the description of the stream in the Linux kernel's
// Documentation/staging/lzo.rst.
//
// Cost per 4 KiB page: about 2 µs for kernel data, 3 µs for code, most of it branches that cannot be predicted.
import { copyMatch, copyWide } from "./_copy.as";

/**
 * Decompresses one whole LZO1X stream. Returns the number of bytes written to dst, or -1 when the stream is malformed:
 * a distance before the start of the output, input or output overrun, no end marker, or bytes behind it.
 * Reads only src[0, srcLen) and writes only dst[0, cap); after -1 dst holds whatever was decoded so far.
 */
export function decompress(src: usize, srcLen: usize, dst: usize, cap: usize): i32 {
  const end = src + srcLen;
  const stop = dst + cap;
  let ip = src;
  let op = dst;
  // How many literals the last instruction copied (4: four or more). It decides what a code below 16 means.
  let state: u32 = 0;
  if (srcLen < 3) return -1;

  // Only the first code may count literals from 17 up.
  let code: u32 = load<u8>(ip);
  if (code > 17) {
    const n: usize = code - 17;
    ip++;
    if (end - ip < n || stop - op < n) return -1;
    copyWide(op, ip, n, min(end - ip, stop - op));
    ip += n;
    op += n;
    state = min<u32>(n, 4);
  }

  while (true) {
    // Any instruction but the end marker has at least 2 bytes and is followed by another one; the end marker has 3.
    if (end - ip < 3) return -1;
    code = load<u8>(ip++);
    let length: usize;
    let distance: usize;
    let next: u32; // literals behind the match, 0 to 3

    if (code >= 64) {
      // 2 KiB back, 3 to 8 bytes
      length = (code >>> 5) + 1;
      distance = ((<usize>load<u8>(ip++)) << 3) + ((code >>> 2) & 7) + 1;
      next = code & 3;
    } else if (code >= 16) {
      // 16 KiB back, or 16 to 48 KiB back with the top bit of the distance in the code
      const mask: u32 = code >= 32 ? 31 : 7;
      length = code & mask;
      if (length == 0) {
        length = mask;
        while (true) {
          if (ip >= end) return -1;
          const more: usize = load<u8>(ip++);
          if (more != 0) {
            length += more;
            break;
          }
          length += 255;
        }
        if (end - ip < 2) return -1;
      }
      length += 2;
      const word: u32 = load<u16>(ip);
      ip += 2;
      next = word & 3;
      if (code >= 32) {
        distance = (word >>> 2) + 1;
      } else {
        distance = ((code & 8) << 11) + (word >>> 2);
        if (distance == 0) {
          // The end marker is 0x11 0 0, and nothing may follow it.
          return length == 3 && next == 0 && ip == end ? <i32>(op - dst) : -1;
        }
        distance += 16384;
      }
    } else if (state == 0) {
      // 4 or more literals
      length = code + 3;
      if (code == 0) {
        length = 18;
        while (true) {
          if (ip >= end) return -1;
          const more: usize = load<u8>(ip++);
          if (more != 0) {
            length += more;
            break;
          }
          length += 255;
        }
      }
      const room = min(end - ip, stop - op);
      if (room < length) return -1;
      copyWide(op, ip, length, room);
      ip += length;
      op += length;
      state = 4;
      continue;
    } else {
      // After literals the same codes are matches of 2 or 3 bytes.
      distance = ((<usize>load<u8>(ip++)) << 2) + (code >>> 2) + 1;
      length = 2;
      if (state == 4) {
        distance += 2048;
        length = 3;
      }
      next = code & 3;
    }

    if (distance > op - dst || length > stop - op) return -1;
    copyMatch(op, distance, length, stop);
    op += length;
    state = next;
    if (next != 0) {
      if (end - ip >= 4 && stop - op >= 4) {
        store<u32>(op, load<u32>(ip));
      } else {
        if (end - ip < next || stop - op < next) return -1;
        for (let i: u32 = 0; i < next; i++) store<u8>(op + i, load<u8>(ip + i));
      }
      ip += next;
      op += next;
    }
  }
}
