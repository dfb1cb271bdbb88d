/**
 * The result of encoding one page, in 32 bits: its encoded size in the low 24, and its page descriptor flags in the
 * high 8. ZERO_PAGE stands for a page of zeros without bytes of its own. Workers leave records in shared memory, and
 * writers make page descriptors from them.
 */
export const RECORD_SIZE_MASK = 0x00ff_ffff;
export const RECORD_FLAGS_SHIFT = 24;
export const ZERO_PAGE = 0;

/**
 * 32-bit words of a page's hash, for finding equal pages. Pages with the same hash are equal:
 * codec/wasm/encode/hash.as.ts.
 */
export const HASH_WORDS = 8;
