/** Bits of bytes, beside what counts them one by one. */
import { expect, test } from "vitest";
import { findBitIn } from "../../src/reader/bits.js";

test.each([true, false])("%s is found behind runs of any length, also those that are compared in pieces", (value) => {
  const size = 3 * 4096 + 700;
  const bytes = new Uint8Array(new SharedArrayBuffer(size)).fill(value ? 0 : 0xff);
  const all = size * 8;
  for (const start of [0, 1, 7, 8, 4099]) {
    for (const place of [start, 511 * 8 + 3, 512 * 8 + 9, (512 + 4096) * 8, (513 + 4096) * 8 - 1, 9000 * 8, all - 1]) {
      if (place < start) continue;
      bytes[place >> 3] = (bytes[place >> 3] as number) ^ (1 << (place & 7));
      expect(findBitIn(bytes, start, all, value), `${start} ${place}`).toBe(place);
      // The end is before it, or right behind it.
      expect(findBitIn(bytes, start, place, value)).toBe(place);
      expect(findBitIn(bytes, start, place + 1, value)).toBe(place);
      bytes[place >> 3] = (bytes[place >> 3] as number) ^ (1 << (place & 7));
    }
    for (const end of [start, all - 5, all]) expect(findBitIn(bytes, start, end, value)).toBe(end);
  }
});

test.each([true, false])("%s is not found before its start where the end is beyond the bytes", (value) => {
  const bytes = new Uint8Array(2).fill(value ? 0 : 0xff);
  for (const start of [0, 9, 16, 20]) expect(findBitIn(bytes, start, 40, value)).toBeGreaterThanOrEqual(16);
});
