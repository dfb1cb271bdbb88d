// What the parts of the deflate kernel share: the two alphabets, and where everything is in the scratch.
import { HUFFMAN_SCRATCH } from "./_huffman.as";

/** Positions are held in 16 bits, and the tokens have room for no more. */
export const MAX_LEN: usize = 65536;
/** Of the hash table for the largest pages. */
export const MAX_HASH_BITS: usize = 13;

// Symbols of the two codes.
export const LITERALS: usize = 288; // 256 literals, the end of the block, and 29 lengths; the last two are never used
export const DISTANCES: usize = 30;
export const END_OF_BLOCK: usize = 256;
export const LENGTHS: usize = 19; // the alphabet of the code for code lengths

// The parts of the scratch. Nothing in it outlives a call.
export const TOKENS: usize = 0; // u64 per match: see putToken in _deflate-search
export const TABLE: usize = TOKENS + 8 * (MAX_LEN / 3 + 16); // u32 per hash: the last position, and above it the one before
export const TABLE3: usize = TABLE + (4 << MAX_HASH_BITS); // u16 per hash of 3 bytes: the last position
export const LITERAL_COUNTS: usize = TABLE3 + (2 << MAX_HASH_BITS); // u32 each
export const DISTANCE_COUNTS: usize = LITERAL_COUNTS + 4 * LITERALS;
export const LENGTH_COUNTS: usize = DISTANCE_COUNTS + 4 * 32;
export const COUNTS_END: usize = LENGTH_COUNTS + 4 * 32;
export const LITERAL_CODES: usize = COUNTS_END; // u32 each, length << 16 | code
export const DISTANCE_CODES: usize = LITERAL_CODES + 4 * LITERALS;
export const LENGTH_CODES: usize = DISTANCE_CODES + 4 * 32;
export const HEADER: usize = LENGTH_CODES + 4 * 32; // u16 per symbol of the header: symbol, and above it the extra bits
export const HUFFMAN: usize = HEADER + 2 * 320;
export const SCRATCH: usize = HUFFMAN + HUFFMAN_SCRATCH;

/** Adds one to a u32. */
@inline
export function count(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}
