// Overwrites with zeros everything in a page except the kernel's own numbers and addresses: `--privacy strict`.
//
// It is WebAssembly and not plain TypeScript because a run of a few gigabytes ends before a JavaScript engine has fast
// code for these loops: for them alone that took 0.3 s of processor time. Cost: 2 to 6 ns per word that is not 0.
//
// The scratch contains, one behind the other: a mask of the page's bytes (255: kept), the kind of each of its words (a
// byte of `WORD` in strict-pages.ts), and the states of the objects of one record.

// Values of WORD.
const MASKED: u8 = 0;
const TESTED: u8 = 2;
const LIST: u8 = 3;
const WIDE: u8 = 4;
/** IN_SHEAF of slab-walk.ts. */
const IN_SHEAF: u8 = 2;

/** Begins a page: its bytes are all kept so far, and its words are all of one kind. */
export function begin(scratch: usize, pageSize: usize, wordSize: usize, kind: u32): void {
  memory.fill(scratch, 255, pageSize);
  memory.fill(scratch + pageSize, <u8>kind, pageSize / wordSize);
}

/**
 * Marks `count` objects. The first one is `at` bytes behind the page's start (negative: before it), each `every` bytes
 * behind the previous one. `mask`, `kinds`, `length`: the shape of an object; `link`: the offset of a free object's
 * link, negative: none. `states`: of each object, not 0 if it is free; address 0: all are in use.
 */
export function paint(
  scratch: usize,
  pageSize: i32,
  wordSize: i32,
  at: i32,
  every: i32,
  count: i32,
  mask: usize,
  kinds: usize,
  length: i32,
  link: i32,
  states: usize,
): void {
  const words = scratch + pageSize;
  for (let k = 0; k < count; k++, at += every) {
    if (at >= pageSize) return;
    const state = states == 0 ? 0 : load<u8>(states + k);
    const first = max(0, at);
    if (state != 0) {
      // All of a free object becomes 0 except the link, which may be mixed with a random number. An object in a sheaf
      // is on no list: in the place of the link there is old data.
      const end = min(pageSize, at + every);
      if (end <= first) continue;
      memory.fill(scratch + first, 255, end - first);
      memory.fill(words + first / wordSize, TESTED, (end - first + wordSize - 1) / wordSize);
      const place = at + link;
      if (state != IN_SHEAF && link >= 0 && place >= first && place < end) store<u8>(words + place / wordSize, MASKED);
      continue;
    }
    const end = min(at + min(length, every), pageSize);
    if (end <= first) continue;
    memory.copy(scratch + first, mask + (first - at), end - first);
    memory.copy(words + first / wordSize, kinds + (first - at) / wordSize, (end - first + wordSize - 1) / wordSize);
  }
}

/** Keeps the bytes [from, to) of the page; the other bytes of words that were tested as a whole are overwritten. */
export function keep(scratch: usize, pageSize: i32, wordSize: i32, from: i32, to: i32): void {
  const start = max(0, from);
  const end = min(to, pageSize);
  if (end <= start) return;
  cut(scratch, pageSize, wordSize, start);
  cut(scratch, pageSize, wordSize, end);
  memory.fill(scratch + start, 255, end - start);
  const first = start / wordSize;
  memory.fill(scratch + pageSize + first, MASKED, (end + wordSize - 1) / wordSize - first);
}

function cut(scratch: usize, pageSize: i32, wordSize: i32, at: i32): void {
  const word = at / wordSize;
  if (at % wordSize == 0 || load<u8>(scratch + pageSize + word) == MASKED) return;
  memory.fill(scratch + word * wordSize, 0, wordSize);
  store<u8>(scratch + pageSize + word, MASKED);
}

/**
 * Overwrites the page at `page` as the scratch says, and returns how many bytes became 0. `addresses`: `count` pairs of
 * f64, starts and ends of the pieces of 4 KiB that count as kernel addresses. `signature`: as in kernel-words.ts.
 */
export function apply(
  page: usize,
  scratch: usize,
  pageSize: i32,
  wordSize: i32,
  littleEndian: i32,
  addresses: usize,
  count: i32,
  signature: u32,
): u32 {
  return wordSize == 8
    ? words8(page, scratch, pageSize, littleEndian != 0, addresses, count, signature)
    : words4(page, scratch, pageSize, littleEndian != 0, addresses, count);
}

function words8(
  page: usize,
  scratch: usize,
  pageSize: i32,
  little: bool,
  addresses: usize,
  count: i32,
  signature: u32,
): u32 {
  let cleared: u32 = 0;
  // The piece that contained the last address.
  let piece: usize = addresses;
  // Whether the previous word was two characters of 4 bytes each.
  let wide = false;
  const kinds = scratch + pageSize;
  for (let at: i32 = 0; at < pageSize; at += 8) {
    const raw = load<u64>(page + at);
    if (raw == 0) {
      wide = false;
      continue;
    }
    const value = little ? raw : bswap<u64>(raw);
    const upper = <u32>(value >> 32);
    const low = <u32>value;
    const kind = load<u8>(kinds + (at >> 3));
    let stays = true;
    if (kind == TESTED) {
      stays = isPlain(upper, low);
      if (!stays) {
        const pointer = (upper & KERNEL_HALF) == 0 ? value : value | ((<u64>signature) << 32);
        const found = pieceOf(addresses, count, piece, pointer >> 12);
        if (found != NONE) piece = found;
        stays = found != NONE || isSmall(upper, low);
      }
      const isWide = isCharacter(upper) && isCharacter(low);
      if (isWide && wide) {
        stays = false;
        cleared += bytesIn(load<u64>(page + at - 8));
        store<u64>(page + at - 8, 0);
      }
      wide = isWide;
    } else {
      wide = false;
      if (kind != MASKED) stays = !(isFourCharacters(upper) && isFourCharacters(low));
      if (kind == LIST || kind == WIDE) {
        stays = stays && isKernelNumber(upper);
        if (kind == LIST) stays = stays && !isShortText(raw);
      }
    }
    const left = stays ? raw & load<u64>(scratch + at) : 0;
    if (left == raw) continue;
    cleared += bytesIn(raw ^ left);
    store<u64>(page + at, left);
  }
  return cleared;
}

function words4(page: usize, scratch: usize, pageSize: i32, little: bool, addresses: usize, count: i32): u32 {
  let cleared: u32 = 0;
  let piece: usize = addresses;
  const kinds = scratch + pageSize;
  for (let at: i32 = 0; at < pageSize; at += 4) {
    const raw = load<u32>(page + at);
    if (raw == 0) continue;
    const kind = load<u8>(kinds + (at >> 2));
    let stays = true;
    if (kind == TESTED) {
      const value = little ? raw : bswap<u32>(raw);
      stays = value < SMALL_HALF || value >= SMALL_NEGATIVE || isMark(value);
      if (!stays) {
        // 32-bit kernels have the same poison without an upper part.
        const found = pieceOf(addresses, count, piece, <u64>(value >> 12));
        if (found != NONE) piece = found;
        stays = found != NONE;
      }
    } else if (kind != MASKED) stays = !isFourCharacters(raw);
    const left = stays ? raw & load<u32>(scratch + at) : 0;
    if (left == raw) continue;
    cleared += bytesIn(<u64>(raw ^ left));
    store<u32>(page + at, left);
  }
  return cleared;
}

// The words that are kept; kernel-words.ts has the same values with their reasons.
const SMALL_WORD: u32 = 1 << 24;
const SMALL_HALF: u32 = 1 << 16;
const SMALL_NEGATIVE: u32 = 0xffff_0000;
const POISON_HIGH: u32 = 0xdead_0000;
const KERNEL_HALF: u32 = 1 << 23;

// @ts-ignore: decorator
@inline
function isMark(value: u32): bool {
  return value == 0x57ac_6e9d || value == 0xdead_4ead || value == 0xdeaf_1eed;
}

/** Words that are kept wherever the kernel has its memory; words that depend on its addresses are not included. */
// @ts-ignore: decorator
@inline
function isPlain(upper: u32, low: u32): bool {
  return upper == 0 && (low < SMALL_WORD || isMark(low) || low == 0xffff_ffff);
}

/** Whether to keep a word that is not an address, if its upper half is not 0. */
function isSmall(upper: u32, low: u32): bool {
  if (upper == 0) return false;
  if (upper == 0xffff_ffff) return low >= SMALL_NEGATIVE || low < SMALL_HALF;
  if (upper == POISON_HIGH) return (low & ~0xff) == 0x100 || (low & ~0xff) == 0x200;
  return isSmallHalf(upper) && isSmallHalf(low);
}

// @ts-ignore: decorator
@inline
function isSmallHalf(half: u32): bool {
  return half < SMALL_HALF || half == 0xffff_ffff;
}

const NONE: usize = <usize>-1;

/** The address of the pair that contains a piece of addresses, `NONE` if none does; `last` is tried first. */
function pieceOf(addresses: usize, count: i32, last: usize, piece: u64): usize {
  if (count == 0) return NONE;
  const wanted = <f64>piece;
  if (wanted >= load<f64>(last) && wanted < load<f64>(last, 8)) return last;
  let low: i32 = 0;
  let high: i32 = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (load<f64>(addresses + (middle << 4), 8) > wanted) high = middle;
    else low = middle + 1;
  }
  if (low == count || load<f64>(addresses + (low << 4)) > wanted) return NONE;
  return addresses + (low << 4);
}

/** Whether this is a character of 4 bytes, an ASCII letter in UTF-32. */
// @ts-ignore: decorator
@inline
function isCharacter(half: u32): bool {
  return half - 0x20 < 0x5f;
}

/** Whether this is a printable byte of ASCII, or a line end or tab. */
// @ts-ignore: decorator
@inline
function isText(byte: u32): bool {
  return byte - 0x20 < 0x5f || byte == 9 || byte == 10 || byte == 13;
}

// @ts-ignore: decorator
@inline
function isFourCharacters(half: u32): bool {
  return isText(half & 0xff) && isText((half >> 8) & 0xff) && isText((half >> 16) & 0xff) && isText(half >> 24);
}

/**
 * Whether a word, as it is in memory, is text: a half consists of four characters, or at least four characters follow
 * one another and everything else is zeros.
 */
function isShortText(raw: u64): bool {
  if (isFourCharacters(<u32>raw) || isFourCharacters(<u32>(raw >> 32))) return true;
  let characters: u32 = 0;
  let ended = false;
  for (let rest = raw, i = 0; i < 8; i++, rest >>= 8) {
    const byte = <u32>rest & 0xff;
    if (byte == 0) ended = characters > 0;
    else if (ended || !isText(byte)) return false;
    else characters++;
  }
  return characters >= 4;
}

/**
 * Whether a number of eight bytes, of which this is the upper half, may be one of the kernel's own: times in
 * nanoseconds (wall-clock times begin with 0x17 to 0x1f from 2018 to 2040), addresses, counters, small negative ones,
 * and the largest. Text, hashes and keys are not.
 */
// @ts-ignore: decorator
@inline
function isKernelNumber(upper: u32): bool {
  const top = upper >> 24;
  return top < 0x20 || top >= 0xfe || upper == 0x7fff_ffff;
}

/** The number of bytes that are not 0. */
// @ts-ignore: decorator
@inline
function bytesIn(value: u64): u32 {
  const high: u64 = 0x8080_8080_8080_8080;
  const rest = ~high;
  return <u32>popcnt<u64>((((value & rest) + rest) | value) & high);
}
