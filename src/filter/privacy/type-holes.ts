import type { KernelTypes } from "../../kernel/debuginfo/kernel-types.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import type { CacheShape } from "../../kernel/objects/slab-walk.js";
import { wordAt } from "../../reader/fields.js";
import { typeOfCache } from "./strict/cache-types.js";

/** Bytes [from, to) of each object. */
export type Hole = readonly [from: number, to: number];

/** Smaller holes contain no word of data. */
const MIN_HOLE = 8;
/**
 * The most holes of a type that are used, the largest ones: structs have few holes that are not a number's alignment.
 */
export const MAX_HOLES = 4;
/**
 * The most bytes of an object whose type is used: task_struct has 10 KiB, the objects of the largest other caches 8.
 */
const MAX_TYPED = 1 << 16;

/**
 * The type of a cache's objects, `struct NAME`; `undefined` if it is not known. Caches with objects of one size are
 * merged: then only the first one's name is left.
 */
export function typeOfObjects(
  kernel: Pick<KernelObjects, "memory" | "types">,
  { name, address, objectSize }: Pick<CacheShape, "name" | "address" | "objectSize">,
): string | undefined {
  return isMerged(kernel, address) || objectSize > MAX_TYPED ? undefined : typeOfCache(kernel.types, name, objectSize);
}

/** Whether a cache has, or may have, the objects of several. */
export function isMerged(kernel: Pick<KernelObjects, "memory" | "types">, cache: bigint): boolean {
  // A negative number means that it may not be merged.
  return Number(BigInt.asIntN(32, readMember(kernel, "kmem_cache", cache, "refcount") ?? 2n)) > 1;
}

/**
 * Bytes that no member of a type covers, in objects of `objectSize` bytes whose link to the next free one is `link`:
 * mostly alignment to cache lines. Nobody writes there, and if the kernel does not zero allocated memory, they contain
 * old data.
 */
export function holesOf(
  types: KernelTypes,
  type: string,
  objectSize: number,
  link: { readonly offset: number; readonly wordSize: number },
): readonly Hole[] {
  const scalars = types.scalars(type);
  const size = Math.min(types.sizeOf(type) ?? 0, objectSize);
  if (scalars === undefined || type === "struct kmem_cache") return [];
  const covered = new Uint8Array(size);
  for (const { offset, size: one, count } of scalars)
    covered.fill(1, offset, count === 0 ? size : offset + one * count);
  covered.fill(1, link.offset, link.offset + link.wordSize);
  const holes: Hole[] = [];
  for (let at = 0; at < size; ) {
    const from = covered.indexOf(0, at);
    if (from < 0) break;
    const end = covered.indexOf(1, from);
    at = end < 0 ? size : end;
    if (at - from >= MIN_HOLE) holes.push([from, at]);
  }
  return holes.sort((a, b) => b[1] - b[0] - (a[1] - a[0])).slice(0, MAX_HOLES);
}

/** The most bytes from the start of an object to its `struct rcu_head` that is freed by its place (kfree_rcu). */
const MAX_PLACE = 4096n;

/**
 * Where objects of a type have a `struct rcu_head` that shares its bytes with nothing else: it is written when the object is freed, to
 * wait for its readers.
 */
export function waitingHeads(types: KernelTypes, type: string, objectSize: number): readonly number[] {
  const scalars = types.scalars(type) ?? [];
  const found: number[] = [];
  for (const [i, { name, offset, size, kind }] of scalars.entries()) {
    const next = scalars[i + 1];
    const isHead = kind === "pointer" && name.endsWith(".next") && next?.name === name.replace(/next$/, "func");
    const end = offset + 2 * size;
    if (!isHead || next.offset !== offset + size || end > objectSize) continue;
    const sharing = scalars.filter((one) => one.offset < end && one.offset + one.size * one.count > offset);
    if (sharing.length === 2) found.push(offset);
  }
  return found;
}

/** Of such heads in an object the unwritten ones: what each would call is neither a function of the kernel nor a place in the object. */
export function unwrittenHeads(
  { memory }: Pick<KernelObjects, "memory">,
  heads: readonly number[],
  bytes: DataView,
  at: number,
): Hole[] {
  const { wordSize, littleEndian } = memory;
  return heads
    .filter((head) => {
      const called = wordAt(bytes, at + head + wordSize, wordSize, littleEndian);
      return called >= MAX_PLACE && !memory.isKernelAddress(called);
    })
    .map((head) => [head, head + 2 * wordSize]);
}

/**
 * The unwritten entries of a table of `struct bio_vec`, whose content is `bytes`: their page pointer is not a kernel
 * address. Block devices have tables of 256 entries for requests of any size, and some in reserve (mempool).
 */
export function unwrittenVectors(
  { memory, types }: Pick<KernelObjects, "memory" | "types">,
  bytes: DataView,
  at: number,
  length: number,
): Hole[] {
  const size = types.sizeOf("bio_vec");
  const page = types.member("bio_vec", "bv_page");
  const holes: [number, number][] = [];
  if (!size || page === undefined || memory.wordSize !== 8) return holes;
  for (let from = 0; from + size <= length; from += size) {
    if (memory.isKernelAddress(bytes.getBigUint64(at + from + page.offset, memory.littleEndian))) continue;
    const last = holes.at(-1);
    if (last?.[1] === from) last[1] = from + size;
    else holes.push([from, from + size]);
  }
  return holes;
}
