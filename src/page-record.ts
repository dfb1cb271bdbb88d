/**
 * What became of one page, in 32 bits: its encoded size in the low 24 and its page descriptor flags in the high 8.
 * ZERO_PAGE stands for a page of zeros that has no bytes of its own. Workers leave records in shared memory, writers
 * make page descriptors of them.
 */
export const RECORD_SIZE_MASK = 0x00ff_ffff;
export const RECORD_FLAGS_SHIFT = 24;
export const ZERO_PAGE = 0;

/** Words of 32 bits of a page's hash, where equal pages are looked for. Pages with the same hash are the same: codec/wasm/encode/hash.as.ts. */
export const HASH_WORDS = 8;
