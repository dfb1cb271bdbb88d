/** Page descriptor flags and status bits: how a page is compressed. Without any bit the page is stored as it is. */
export const COMPRESSED_ZLIB = 1;
export const COMPRESSED_LZO = 2;
export const COMPRESSED_SNAPPY = 4;
export const COMPRESSED_ZSTD = 0x20;
