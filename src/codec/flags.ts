/** Page descriptor flags and status bits: how a page is compressed. No bit: raw. */
export const COMPRESSED_ZLIB = 1;
export const COMPRESSED_LZO = 2;
export const COMPRESSED_SNAPPY = 4;
export const COMPRESSED_ZSTD = 0x20;
