import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { wordAt } from "../../reader/fields.js";
import { SearchSteps } from "./search-steps.js";
import { physicalData } from "./socket-buffers.js";

/** Objects that a pool has in reserve: `count` pointers from `elements` on, to `size` bytes each. */
export interface MemoryPool {
  readonly elements: bigint;
  readonly count: number;
  readonly size: number;
}

/** Recognises pools (mempool_t) by their functions. */
export interface PoolReader {
  /** The pools whose structs are in `bytes`; `isUsed` is asked about the place of each. */
  poolsIn(bytes: DataView, isUsed?: (at: number) => boolean): readonly MemoryPool[];
  /** Those in variables of the kernel that are sets of block requests (struct bio_set). */
  readonly ofVariables: readonly MemoryPool[];
  /** What may exist but was not found, in the words of `remains`. */
  readonly missing: readonly string[];
}

/** The most objects of a pool: some hundred, at most. */
const MAX_ELEMENTS = 1 << 14;
const MAX_SIZE = 1 << 18;
/** The most objects of all pools. */
const MAX_STEPS = 1 << 18;
/** The ends of names of sets. */
const SETS = ["bio_set", "bioset"];
/** Sets whose names do not say so. */
const OTHER_SETS = ["blkdev_dio_pool", "bounce_bio_split", "crypto_bio_split"];
const POOLS_OF_SETS = ["bio_pool", "bvec_pool", "bio_integrity_pool", "bvec_integrity_pool"];

/**
 * Pools keep objects for when memory is short: requests of disks and their tables, buffers of servers. Nobody has
 * written to them yet, or others have before: all in them is old. The pools lie in `kmalloc` memory of their owners, in
 * any place of it, so they are told by the functions that each names. `undefined` if types or symbols lack what is
 * needed. Calls `passedOver` for pools that are larger than any should be, or cannot be read.
 */
export function poolReader(kernel: KernelObjects, passedOver: () => void = () => {}): PoolReader | undefined {
  const { memory, symbols, types } = kernel;
  const { littleEndian, wordSize } = memory;
  // struct mempool_s until 6.17
  const type = ["mempool", "mempool_s"].find((name) => types.member(name, "elements") !== undefined);
  const [elements, data, alloc, free] = ["elements", "pool_data", "alloc", "free"].map(
    (name) => types.member(type ?? "", name)?.offset ?? -1,
  ) as [number, number, number, number];
  const [most, current] = ["min_nr", "curr_nr"].map((name) => types.member(type ?? "", name)?.offset ?? -1) as [
    number,
    number,
  ];
  const size = types.sizeOf(type ?? "");
  if (!size || [elements, data, alloc, free, most, current].some((offset) => offset < 0)) return undefined;
  const kinds = (
    [
      ["mempool_alloc_slab", "mempool_free_slab"],
      ["mempool_kmalloc", "mempool_kfree"],
    ] as const
  ).flatMap(([first, second], i) => {
    const [own, other] = [symbols.address(first), symbols.address(second)];
    return own === undefined || other === undefined ? [] : [{ own, other, ofCache: i === 0, bytes: wordOf(own) }];
  });
  if (kinds.length === 0) return undefined;

  /** The pool at a place of `bytes`, if it is one with that function. */
  const poolAt = (bytes: DataView, at: number, { other, ofCache }: (typeof kinds)[number]): MemoryPool | undefined => {
    const word = (offset: number) => wordAt(bytes, at + offset, wordSize, littleEndian);
    const [count, limit] = [bytes.getUint32(at + current, littleEndian), bytes.getUint32(at + most, littleEndian)];
    if (word(free) !== other || count > limit || !memory.isKernelAddress(word(elements))) return undefined;
    const size = ofCache ? readMember(kernel, "kmem_cache", word(data), "object_size") : word(data);
    if (limit > MAX_ELEMENTS || !size || size > MAX_SIZE) {
      passedOver();
      return undefined;
    }
    return { elements: word(elements), count, size: Number(size) };
  };
  const poolsIn = (bytes: DataView, isUsed: (at: number) => boolean = () => true) => {
    const found: MemoryPool[] = [];
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const kind of kinds) {
      for (let at = all.indexOf(kind.bytes); at >= 0; at = all.indexOf(kind.bytes, at + 1)) {
        const start = at - alloc;
        if (at % wordSize !== 0 || start < 0 || start + size > bytes.byteLength || !isUsed(start)) continue;
        const pool = poolAt(bytes, start, kind);
        if (pool !== undefined) found.push(pool);
      }
    }
    return found;
  };
  const sets = [...new Set([...symbols.endingIn(SETS), ...OTHER_SETS.flatMap((name) => symbols.addresses(name))])];
  // Every kernel with disks has one; those that list functions only do not say where.
  const isListed = symbols.address("init_task") !== undefined;
  const isLost = sets.length === 0 && !isListed && types.member("bio_set", "bio_pool") !== undefined;
  return {
    poolsIn,
    ofVariables: sets.flatMap(ofSet),
    missing: isLost
      ? ["objects that pools in variables of the kernel have in reserve: the dump does not say where they are"]
      : [],
  };

  function wordOf(value: bigint): Buffer {
    const view = new DataView(new ArrayBuffer(wordSize));
    if (wordSize === 8) view.setBigUint64(0, value, littleEndian);
    else view.setUint32(0, Number(value), littleEndian);
    return Buffer.from(view.buffer);
  }

  function ofSet(set: bigint): readonly MemoryPool[] {
    return POOLS_OF_SETS.flatMap((name) => {
      const offset = types.member("bio_set", name)?.offset;
      const bytes = offset === undefined ? undefined : memory.readView(set + BigInt(offset), size as number);
      return bytes === undefined ? [] : poolsIn(bytes);
    });
  }
}

/**
 * Calls back for the pieces of physical memory that pools have in reserve; a table of objects that two pools name counts
 * once. False if some were passed over: there are too many, or the dump does not lead to them.
 */
export function reservedObjects(
  space: AddressSpace,
  { memory }: KernelObjects,
  pools: Iterable<MemoryPool>,
  found: (paddr: number, length: number) => void,
  steps = new SearchSteps(MAX_STEPS),
): boolean {
  let all = true;
  const seen = new Set<bigint>();
  for (const { elements, count, size } of pools) {
    if (seen.has(elements)) continue;
    seen.add(elements);
    for (let i = 0; i < count; i++) {
      if (!steps.take()) return false;
      const one = memory.readWord(elements + BigInt(i * memory.wordSize));
      const place = one === undefined || !memory.isKernelAddress(one) ? undefined : physicalData(space, one, size);
      if (place === undefined) all = false;
      else found(place.start, place.length);
    }
  }
  return all;
}
