import type { KernelScalar } from "../../../kernel/debuginfo/kernel-types.js";
import { type ObjectShape, WORD } from "./strict-pages.js";

/** What is known about the objects that get a shape. */
export interface ShapeRequest {
  /**
   * All numbers and pointers of their type, and its size; absent if the type is not known, so that every word is
   * tested.
   */
  readonly type?: { readonly scalars: readonly KernelScalar[]; readonly size: number } | undefined;
  /** Bytes from one object to the next. */
  readonly length: number;
  /** Offset of a free object's link; -1: none. */
  readonly link: number;
  readonly wordSize: 4 | 8;
  /** Names of members that are kept although they are text. */
  readonly keep?: readonly string[];
  /** Whether numbers are kept whatever they look like: the allocator's secret is random. */
  readonly plain?: boolean;
}

/** What a byte belongs to, in the order of precedence, because members of a union overlap. */
const BYTE = { padding: 0, number: 1, wide: 2, list: 3, tested: 4, gone: 5, kept: 6 } as const;
/** An array of at least this many numbers of 2 bytes contains characters (UTF-16). */
const WIDE_TEXT = 4;
/**
 * An array of at least this many numbers may contain something else: the target of a short symlink is in ext4's 15
 * block numbers. Arrays of numbers of 4 bytes are tested like words without a type.
 */
const LIST = 4;

/**
 * The bytes of objects that `--privacy strict` keeps. For a known type: numbers, and pointers that are addresses.
 * Characters, arrays of bytes, and bytes that no member covers are overwritten. Bytes behind the type (private data of
 * others) are tested word by word.
 */
export function objectShape(request: ShapeRequest): ObjectShape {
  const { type, length, link, wordSize, plain } = request;
  const whole = Math.floor(length / wordSize) * wordSize;
  const mask = new Uint8Array(whole).fill(255);
  const words = new Uint8Array(whole / wordSize).fill(WORD.tested);
  if (type === undefined) return { mask, words, link };
  const bytes = bytesOf(request, type, whole);
  /** How many bytes of a word are of each kind. */
  const counts = new Uint8Array(BYTE.kept + 1);
  for (let word = 0; word < words.length; word++) {
    const [start, end] = [word * wordSize, (word + 1) * wordSize];
    counts.fill(0);
    for (let at = start; at < end; at++) (counts[bytes[at] as number] as number)++;
    if (counts[BYTE.tested] === wordSize) continue;
    for (let at = start; at < end; at++) mask[at] = stays(bytes[at] as number) ? 255 : 0;
    words[word] = plain ? WORD.masked : wordOf(counts, wordSize);
  }
  return { mask, words, link };
}

function stays(byte: number): boolean {
  return (byte >= BYTE.number && byte <= BYTE.list) || byte === BYTE.kept;
}

function wordOf(counts: Uint8Array, wordSize: number): number {
  if (counts[BYTE.list] !== 0) return WORD.list;
  if (counts[BYTE.wide] === wordSize) return WORD.wide;
  return counts[BYTE.number] !== 0 || counts[BYTE.wide] !== 0 ? WORD.number : WORD.masked;
}

function bytesOf(
  { keep = [], wordSize }: ShapeRequest,
  { scalars, size }: NonNullable<ShapeRequest["type"]>,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(length).fill(BYTE.tested, Math.min(size, length));
  const mark = (from: number, to: number, what: number) => {
    for (let at = Math.max(0, from); at < Math.min(to, length); at++) bytes[at] = Math.max(bytes[at] as number, what);
  };
  const last = scalars.reduce(
    (end, one) => (one.count === 0 ? end : Math.max(end, one.offset + one.size * one.count)),
    0,
  );
  for (const scalar of scalars) {
    const { name, offset, size: one, count } = scalar;
    const what = keep.includes(name) ? BYTE.kept : byteOf(scalar, wordSize);
    // An array without a count has the rest of the object if it is the last member; others only align the next member
    // (ZONE_PADDING).
    const end = count > 0 ? offset + one * count : offset >= last && what === BYTE.gone ? length : offset;
    mark(offset, end, what);
  }
  return bytes;
}

function byteOf({ kind, size, count }: KernelScalar, wordSize: number): number {
  if (kind === "pointer") return BYTE.tested;
  if (size > 8) return BYTE.gone;
  if (size === 1 && count !== 1) return BYTE.gone;
  if (size === 2 && (count === 0 || count >= WIDE_TEXT)) return BYTE.gone;
  if (size > wordSize * 2) return BYTE.gone;
  if (size >= 4 && (count === 0 || count >= LIST)) return size === 8 && wordSize === 8 ? BYTE.list : BYTE.tested;
  return size === 8 && wordSize === 8 ? BYTE.wide : BYTE.number;
}
