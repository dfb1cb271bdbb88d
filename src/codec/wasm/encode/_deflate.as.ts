// What the parts of the deflate module share: the alphabets, and the layout of the scratch.
import { CODE_SCRATCH, LIST_PADDING } from "./_prefix-code.as";

/** Positions have 16 bits, and there is no room for more entries. */
export const MAX_LEN: usize = 65536;
/** Bits of the hash table's index for the largest pages. */
export const MAX_HASH_BITS: usize = 13;

// Numbers of symbols, rounded up to what makeCode needs.
export const LITERALS: usize = 320; // 286: 256 literals, the end of the block, and 29 lengths
export const DISTANCES: usize = 32; // 30
export const LENGTHS: usize = 32; // 19: the alphabet of the code for code lengths
export const END_OF_BLOCK: usize = 256;
export const FIRST_LENGTH: usize = 257;
/** Marks the end of a header's symbols: it has no code. */
export const NO_SYMBOL: usize = 19;
/** The most symbols of a block's header, which are the lengths of all codes. */
const MAX_HEADER: usize = 286 + 30;

// The content of a block is a list of entries, u32 each: 2 unused bits, 9 bits for the symbol, and above them the
// value: of a length less 3, of a distance less 1. The symbols of distances follow those of literals and lengths.
export const SYMBOL_MASK: u32 = 511 << 2;
export const VALUE_SHIFT: u32 = 11;
/** An entry without a code. */
export const NOTHING: usize = LITERALS + DISTANCES;
const SYMBOLS: usize = NOTHING + 16;

// The parts of the scratch. Nothing in it is kept between calls.
export const ENTRIES: usize = 0; // u32 each, with room for surplus entries
export const TABLE: usize = ENTRIES + 4 * (MAX_LEN + 64); // u16 per hash: the last position
export const SHORT_TABLE: usize = TABLE + (2 << MAX_HASH_BITS); // u16 per hash of 3 bytes
// Everything from here to LITERAL_CODES must be zero at first.
export const COUNTS: usize = SHORT_TABLE + (2 << MAX_HASH_BITS); // u32 each, those of literals first
export const DISTANCE_COUNTS: usize = COUNTS + 4 * LITERALS;
export const LENGTH_COUNTS: usize = COUNTS + 4 * SYMBOLS;
export const SENT_LENGTHS: usize = LENGTH_COUNTS + 4 * LENGTHS; // u8 each, for the code of code lengths
// For the codes: u32 for each symbol, and u32 for each used symbol.
export const LITERAL_CODES: usize = SENT_LENGTHS + 64; // u32 each: see finishCodes in _deflate-codes
export const DISTANCE_CODES: usize = LITERAL_CODES + 4 * LITERALS;
export const SIZES: usize = LITERAL_CODES + 4 * SYMBOLS; // u32 each: bits of the code, and bits of code and value << 8
export const LENGTH_CODES: usize = SIZES + 4 * SYMBOLS;
export const LITERAL_LIST: usize = LENGTH_CODES + 4 * LENGTHS; // count << 9 | symbol
export const DISTANCE_LIST: usize = LITERAL_LIST + 4 * (LITERALS + LIST_PADDING);
export const LENGTH_LIST: usize = DISTANCE_LIST + 4 * (DISTANCES + LIST_PADDING);
export const LITERAL_LENGTHS: usize = LENGTH_LIST + 4 * (LENGTHS + LIST_PADDING); // bits
export const DISTANCE_LENGTHS: usize = LITERAL_LENGTHS + 4 * LITERALS;
export const LENGTH_LENGTHS: usize = DISTANCE_LENGTHS + 4 * DISTANCES;
export const HEADER: usize = LENGTH_LENGTHS + 4 * LENGTHS; // u16 per symbol of the header: the symbol, and above it the extra bits
export const CODE: usize = HEADER + 2 * (MAX_HEADER + 4);
export const OUTPUT: usize = CODE + CODE_SCRATCH; // for a block without room for the bytes that are written behind it
export const SCRATCH: usize = OUTPUT + MAX_LEN + 64;

/** Adds one to a u32. */
@inline
export function count(at: usize): void {
  store<u32>(at, load<u32>(at) + 1);
}
