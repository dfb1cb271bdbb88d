import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelTypes } from "../../kernel/debuginfo/kernel-types.js";
import type { CacheShape, Slab } from "../../kernel/objects/slab-walk.js";
import { wordAt } from "../../reader/fields.js";
import { firstIndex } from "../../sorted.js";

/** Physical memory [start, start + length). */
export interface BufferPiece {
  readonly start: number;
  readonly length: number;
}

/** The cache of struct sk_buff, and that of pairs of them. */
const HEADS = "skbuff_head_cache";
const FCLONES = "skbuff_fclone_cache";
/** The largest cache line by which sizes are rounded up (s390x). */
const MAX_LINE = 256;

/** Finds the data of socket buffers. */
export interface SkbReader {
  /**
   * Bytes from the start of an object of a cache to each sk_buff in it. The allocator may have merged the cache of pairs
   * with another, whose name both have then: with `all` (the names of all caches) that is recognised by the size, if the
   * cache is `merged`. What is no sk_buff there does not look like one.
   */
  places(
    cache: Pick<CacheShape, "name" | "stride" | "objectSize">,
    all: ReadonlySet<string>,
    merged: () => boolean,
  ): readonly number[];
  /**
   * Head and length of the data of the sk_buff at `at`. `undefined` if it is not in use: no user, or pointers in a
   * wrong order.
   */
  dataOf(bytes: DataView, at: number): { readonly head: bigint; readonly length: number } | undefined;
  /** Bytes of struct skb_shared_info that `sharedLength` reads. */
  readonly sharedSize: number;
  /**
   * How many bytes of a struct skb_shared_info behind the data its owners have written: it has room for more fragments
   * than are used. `undefined` if it is not one in use: behind a freed buffer there may be anything.
   */
  sharedLength(bytes: DataView): number | undefined;
}

/** The largest possible number (CONFIG_MAX_SKB_FRAGS is 17 to 45). */
const MAX_FRAGS = 64;
const MAX_REFERENCES = 4096;

/**
 * The most bytes of one buffer in one piece: 64 KiB and its headers; larger kmalloc buffers up to 4 MiB are not in
 * slabs.
 */
const MAX_DATA = 1 << 18;

/**
 * `undefined` if the types lack struct sk_buff. It has offsets on 64-bit machines, pointers on 32-bit ones
 * (NET_SKBUFF_DATA_USES_OFFSET).
 */
export function skbReader(types: KernelTypes, wordSize: 4 | 8, littleEndian: boolean): SkbReader | undefined {
  const [head, data, tail, end, users] = ["head", "data", "tail", "end", "users"].map((name) =>
    types.member("sk_buff", name),
  );
  const dataref = types.member("skb_shared_info", "dataref");
  const frags = types.member("skb_shared_info", "nr_frags");
  if (!head || !data || !tail || !end || !users || users.size !== 4) return undefined;
  if (dataref?.size !== 4 || frags === undefined) return undefined;
  const pointer = (bytes: DataView, at: number) => wordAt(bytes, at, wordSize, littleEndian);
  const piecesAt = types.member("skb_shared_info", "frags");
  const pieceSize = piecesAt?.count ? piecesAt.size / piecesAt.count : undefined;
  const second = types.member("sk_buff_fclones", "skb2")?.offset;
  const size = types.sizeOf("sk_buff") ?? 0;
  const pair = types.sizeOf("sk_buff_fclones") ?? 0;
  return {
    sharedSize: Math.max(dataref.offset + 4, frags.offset + 2),
    sharedLength(bytes) {
      // References to the whole buffer; in the upper half, those to its payload only.
      const references = bytes.getUint32(dataref.offset, littleEndian);
      const all = references & 0xffff;
      const pieces = bytes.getUint8(frags.offset);
      if (all === 0 || all > MAX_REFERENCES || references >>> 16 > all || pieces > MAX_FRAGS) return undefined;
      return pieceSize === undefined || piecesAt === undefined
        ? Number.POSITIVE_INFINITY
        : piecesAt.offset + pieces * pieceSize;
    },
    places({ name, stride, objectSize }, all, merged) {
      if (name === HEADS) return [0];
      if (second === undefined) return name === FCLONES ? [0] : [];
      const hasSize = pair > 0 && objectSize >= pair && stride - pair < MAX_LINE;
      return name === FCLONES || (!all.has(FCLONES) && hasSize && merged()) ? [0, second] : [];
    },
    dataOf(bytes, at) {
      if (size === 0 || at + size > bytes.byteLength) return undefined;
      const uses = bytes.getInt32(at + users.offset, littleEndian);
      const first = pointer(bytes, at + head.offset);
      const from = pointer(bytes, at + data.offset);
      const place = (member: { offset: number; size: number }) =>
        member.size < wordSize || wordSize === 8
          ? first + BigInt(bytes.getUint32(at + member.offset, littleEndian))
          : pointer(bytes, at + member.offset);
      const behind = place(tail);
      const last = place(end);
      if (uses <= 0 || first === 0n || from < first || behind < from || last < behind) return undefined;
      const length = last - first;
      return length === 0n || length > BigInt(MAX_DATA) ? undefined : { head: first, length: Number(length) };
    },
  };
}

/** Data of a buffer that may be in an object of a slab. */
export interface WantedData {
  /** Physical address. */
  readonly start: number;
  readonly length: number;
  /** Bytes that were written behind the data. */
  readonly behind: number;
}

/** Data inside an object, and the unwritten bytes of the object. */
export interface FoundData {
  readonly data: BufferPiece;
  readonly rest: BufferPiece | undefined;
}

/**
 * The data that are completely inside one object of `slab` in use: nothing else is overwritten, whatever a struct
 * sk_buff contains. `wanted` must ascend.
 */
export function dataInSlab({ cache, start, count, free }: Slab, wanted: readonly WantedData[]): FoundData[] {
  const found: FoundData[] = [];
  const end = start + count * cache.stride;
  const first = firstIndex(wanted.length, (i) => (wanted[i] as WantedData).start >= start);
  for (let i = first; i < wanted.length && (wanted[i] as WantedData).start < end; i++) {
    const data = wanted[i] as WantedData;
    const index = Math.floor((data.start - start) / cache.stride);
    const within = data.start - start - index * cache.stride;
    if (within + data.length > cache.objectSize || free?.[index] !== 0) continue;
    const written = within + data.length + data.behind;
    const rest = { start: data.start + data.length + data.behind, length: cache.objectSize - written };
    found.push({ data, rest: rest.length > 0 ? rest : undefined });
  }
  return found;
}

/**
 * The bytes behind data in their objects, given the ends of the data: an object is larger than the allocation, and the
 * rest has old content. `ends` must ascend.
 */
export function restInSlab({ cache, start, count }: Slab, ends: readonly number[]): BufferPiece[] {
  const found: BufferPiece[] = [];
  const slabEnd = start + count * cache.stride;
  for (let i = firstIndex(ends.length, (k) => (ends[k] as number) > start); i < ends.length; i++) {
    const end = ends[i] as number;
    if (end > slabEnd) break;
    const object = start + Math.floor((end - 1 - start) / cache.stride) * cache.stride;
    const length = object + cache.objectSize - end;
    if (length > 0) found.push({ start: end, length });
  }
  return found;
}

/** The whole objects in use that contain some addresses, which must ascend. */
export function objectsInSlab({ cache, start, count, free }: Slab, addresses: readonly number[]): BufferPiece[] {
  const found: BufferPiece[] = [];
  const end = start + count * cache.stride;
  for (let i = firstIndex(addresses.length, (k) => (addresses[k] as number) >= start); i < addresses.length; i++) {
    const address = addresses[i] as number;
    if (address >= end) break;
    const index = Math.floor((address - start) / cache.stride);
    if (free?.[index] === 0) found.push({ start: start + index * cache.stride, length: cache.objectSize });
  }
  return found;
}

/** The pieces, of those that ascend, that are an object in use of a slab from its beginning on: what leads there says so, and is believed so far. */
export function allocatedInSlab({ cache, start, count, free }: Slab, pieces: readonly BufferPiece[]): BufferPiece[] {
  const found: BufferPiece[] = [];
  const end = start + count * cache.stride;
  for (let i = firstIndex(pieces.length, (k) => (pieces[k] as BufferPiece).start >= start); i < pieces.length; i++) {
    const piece = pieces[i] as BufferPiece;
    if (piece.start >= end) break;
    const index = (piece.start - start) / cache.stride;
    if (Number.isInteger(index) && free?.[index] === 0 && piece.length <= cache.objectSize) found.push(piece);
  }
  return found;
}

/** The place of a buffer's data, if they are in one piece. */
export function physicalData(space: AddressSpace, head: bigint, length: number): BufferPiece | undefined {
  const first = space.translate(head);
  const last = space.translate(head + BigInt(length - 1));
  return first !== undefined && last !== undefined && last.paddr - first.paddr === length - 1
    ? { start: first.paddr, length }
    : undefined;
}
