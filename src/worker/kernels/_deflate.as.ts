// What the parts of the deflate kernel share: the two alphabets, and where everything is in the scratch.
import { HUFFMAN_SCRATCH } from "./_huffman.as";

/** Positions are held in 16 bits, and the tokens have room for no more. */
export const MAX_LEN: usize = 65536;
/** Of the hash table for the largest pages. */
export const MAX_HASH_BITS: usize = 13;

// Symbols of the codes, filled up to whole steps of 16.
export const LITERALS: usize = 288; // 256 literals, the end of the block, and 29 lengths
export const DISTANCES: usize = 32; // 30
export const LENGTHS: usize = 32; // 19: the alphabet of the code for code lengths
export const END_OF_BLOCK: usize = 256;

// The parts of the scratch. Nothing in it outlives a call.
export const TOKENS: usize = 0; // u64 per match: see putToken in _deflate-search
export const LITERAL_BYTES: usize = TOKENS + 8 * (MAX_LEN / 3 + 16); // the literals of all tokens, and 64 bytes of room
export const TABLE: usize = LITERAL_BYTES + MAX_LEN + 64; // u16 per hash: the last position
export const SHORT_TABLE: usize = TABLE + (2 << MAX_HASH_BITS); // u16 per hash of 3 bytes
// All from here on is zero at first, up to ZEROED_END.
export const LITERAL_COUNTS: usize = SHORT_TABLE + (2 << MAX_HASH_BITS); // u32 each
export const DISTANCE_COUNTS: usize = LITERAL_COUNTS + 4 * LITERALS;
export const LENGTH_COUNTS: usize = DISTANCE_COUNTS + 4 * DISTANCES;
export const LITERAL_CODES: usize = LENGTH_COUNTS + 4 * LENGTHS; // u32 each, length << 16 | code
export const DISTANCE_CODES: usize = LITERAL_CODES + 4 * LITERALS;
export const LENGTH_CODES: usize = DISTANCE_CODES + 4 * DISTANCES;
export const CODE_LENGTHS: usize = LENGTH_CODES + 4 * LENGTHS; // u8 each, of literals, and then of distances too
export const DISTANCE_LENGTHS: usize = CODE_LENGTHS + LITERALS + 96;
export const LENGTH_LENGTHS: usize = DISTANCE_LENGTHS + 32;
export const ZEROED_END: usize = LENGTH_LENGTHS + 32;
export const HEADER: usize = LENGTH_LENGTHS + 32; // u16 per symbol of the header: symbol, and above it the extra bits
export const LITERAL_LIST: usize = HEADER + 2 * 336; // u32 per used symbol: count << 9 | symbol
export const DISTANCE_LIST: usize = LITERAL_LIST + 4 * LITERALS;
export const LENGTH_LIST: usize = DISTANCE_LIST + 4 * DISTANCES;
export const HUFFMAN: usize = LENGTH_LIST + 4 * LENGTHS;
export const SCRATCH: usize = HUFFMAN + HUFFMAN_SCRATCH;

/** Adds one to a u32. */
@inline
export function count(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}
