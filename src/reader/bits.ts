/**
 * Bits of bytes: bit n is bit n & 7 of byte n >> 3, on every machine. Bitmaps of pages (bitmap.ts) use these functions.
 */

export function testBitIn(bytes: Uint8Array, bit: number): boolean {
  return ((bytes[Math.floor(bit / 8)] as number) & (1 << (bit % 8))) !== 0;
}

/** Sets the bits [start, end). */
export function setBitsIn(bytes: Uint8Array, start: number, end: number): void {
  changeBits(bytes, start, end, true);
}

/** Clears the bits [start, end) and returns how many were set. */
export function clearBitsIn(bytes: Uint8Array, start: number, end: number): number {
  const before = countBitsIn(bytes, start, end);
  if (before > 0) changeBits(bytes, start, end, false);
  return before;
}

function changeBits(bytes: Uint8Array, start: number, end: number, on: boolean): void {
  if (end <= start) return;
  const first = Math.floor(start / 8);
  const last = Math.floor(end / 8);
  const headMask = (0xff << (start % 8)) & 0xff;
  const tailMask = (1 << (end % 8)) - 1;
  if (first === last) {
    changeByte(bytes, first, headMask & tailMask, on);
    return;
  }
  changeByte(bytes, first, headMask, on);
  if (last > first + 1) bytes.fill(on ? 0xff : 0, first + 1, last);
  if (tailMask !== 0) changeByte(bytes, last, tailMask, on);
}

function changeByte(bytes: Uint8Array, index: number, mask: number, on: boolean): void {
  const byte = bytes[index] as number;
  bytes[index] = on ? byte | mask : byte & ~mask;
}

/** Number of set bits for each byte value. */
export const BITS_OF_BYTE: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (let i = 1; i < 256; i++) table[i] = (i & 1) + (table[i >> 1] as number);
  return table;
})();

/**
 * Bytes that are compared in one call. The comparison is fast from the start, while loops are slow in a program that
 * has just started.
 */
const PIECE = 4096;
const ZEROS = Buffer.alloc(PIECE);
const ONES = Buffer.alloc(PIECE, 0xff);

/**
 * How many of the bits [start, end) are set. Pieces of equal bits are compared, others are counted by four bytes: 0.05
 * ns per page.
 */
export function countBitsIn(bytes: Uint8Array, start: number, end: number): number {
  if (end <= start) return 0;
  const first = Math.floor(start / 8);
  const last = Math.floor(end / 8);
  const headMask = (0xff << (start % 8)) & 0xff;
  const tailMask = (1 << (end % 8)) - 1;
  if (first === last) return BITS_OF_BYTE[(bytes[first] as number) & headMask & tailMask] as number;
  let count = BITS_OF_BYTE[(bytes[first] as number) & headMask] as number;
  let i = first + 1;
  for (; i < last && ((bytes.byteOffset + i) & 3) !== 0; i++) count += BITS_OF_BYTE[bytes[i] as number] as number;
  for (; last - i >= PIECE; i += PIECE) {
    if (ZEROS.compare(bytes, i, i + PIECE) === 0) continue;
    count += ONES.compare(bytes, i, i + PIECE) === 0 ? PIECE * 8 : countWords(bytes, i, PIECE);
  }
  const rest = (last - i) & ~3;
  if (rest > 0) count += countWords(bytes, i, rest);
  i += Math.max(0, rest);
  for (; i < last; i++) count += BITS_OF_BYTE[bytes[i] as number] as number;
  if (tailMask !== 0) count += BITS_OF_BYTE[(bytes[last] as number) & tailMask] as number;
  return count;
}

/** Number of set bits in `length` bytes from `start` on, which must be whole words of the buffer. */
function countWords(bytes: Uint8Array, start: number, length: number): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + start, length / 4);
  let count = 0;
  for (let w = 0; w < words.length; w++) {
    let bits = words[w] as number;
    bits -= (bits >>> 1) & 0x5555_5555;
    bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
    count += Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
  }
  return count;
}

/** Equal bytes after which `afterEqual` compares pieces. A call costs as much as some hundred bytes one by one. */
const LONG_RUN = 512;

/**
 * The first bit in [start, end) that is `value`, or `end`. Looks into the first byte here and into further bytes
 * elsewhere, without a loop: V8 makes it a part of each function that calls it, and what is large there is compiled
 * for longer than it runs.
 */
export function findBitIn(bytes: Uint8Array, start: number, end: number, value: boolean): number {
  if (start >= end) return end;
  const skip = value ? 0 : 0xff;
  let at = Math.floor(start / 8);
  let found = ((bytes[at] as number) ^ skip) & (0xff << (start - at * 8));
  if (found === 0) {
    at = afterEqual(bytes, at + 1, Math.ceil(end / 8), skip);
    if (at * 8 >= end) return end;
    found = (bytes[at] as number) ^ skip;
    // Another thread may have changed the byte, or `end` is beyond the bytes.
    if (found === 0 || at >= bytes.length) return end;
  }
  return Math.min(end, at * 8 + 31 - Math.clz32(found & -found));
}

/**
 * The index of the first byte in [start, end) that is not `skip`, or `end`. Long runs are compared by pieces: a TiB of
 * pages that are all alike takes milliseconds, during which no other event runs.
 */
function afterEqual(bytes: Uint8Array, start: number, end: number, skip: number): number {
  let from = start;
  for (;;) {
    const stop = Math.min(end, from + LONG_RUN);
    const i = afterBytes(bytes, from, stop, skip);
    if (i < stop || i === end) return i;
    from = afterPieces(bytes, i, end, skip === 0 ? ZEROS : ONES);
  }
}

/** The same, byte by byte: apart, so that V8 compiles it once. */
function afterBytes(bytes: Uint8Array, start: number, end: number, skip: number): number {
  let i = start;
  while (i < end && bytes[i] === skip) i++;
  return i;
}

/** The first index from `start` on at which no whole piece like this one begins. */
function afterPieces(bytes: Uint8Array, start: number, end: number, piece: Buffer): number {
  let i = start;
  while (end - i >= PIECE && piece.compare(bytes, i, i + PIECE) === 0) i += PIECE;
  return i;
}
