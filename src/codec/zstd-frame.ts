const MAGIC = 0xfd2fb528;
/** Bytes of a dictionary's number, by the lowest two bits of the descriptor. */
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;

/**
 * Whether a zstd frame begins at bytes[at] whose header states a content of `length` bytes (RFC 8878, 3.1.1.1).
 * Decoding then gives that many bytes or fails. Recognises sizes of 256 bytes to 4 GiB, which includes all page sizes.
 * decodes to so many or not at all. Sizes of 256 bytes to 4 GiB are looked for, as pages have.
 */
export function frameHolds(bytes: Uint8Array, at: number, length: number): boolean {
  const byte = (i: number) => bytes[at + i] as number;
  const magic = byte(0) + byte(1) * 2 ** 8 + byte(2) * 2 ** 16 + byte(3) * 2 ** 24;
  if (magic !== MAGIC) return false;
  const descriptor = byte(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const size = 5 + (isSingleSegment ? 0 : 1) + (DICTIONARY_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3] as number);
  const low = byte(size) + byte(size + 1) * 2 ** 8;
  switch (descriptor >> 6) {
    case 1:
      return low + 256 === length;
    case 2:
      return low + byte(size + 2) * 2 ** 16 + byte(size + 3) * 2 ** 24 === length;
    default:
      return false;
  }
}
