import type { AddressSpace } from "../../kernel/address-space.js";
import type { Slab } from "../../kernel/objects/slab-walk.js";
import { firstIndex } from "../../sorted.js";
import { addVirtual } from "./add-virtual.js";
import type { ScrubList } from "./scrubbed.js";

/** Memory that the kernel allocated with `kmalloc`: where it begins, and how many bytes it asked for. */
export interface Allocation {
  readonly start: number;
  readonly size: number;
}

/** What is to be overwritten in an allocation that a pointer led to. */
export interface WantedBytes {
  readonly address: bigint;
  readonly size: number;
  /** Bytes from its beginning on. */
  readonly from: number;
  readonly length: number;
}

/** The allocations, of those asked about, that are what a pointer says: objects of `kmalloc` in use, of that size. */
export type AllocationCheck = (wanted: readonly Allocation[]) => ReadonlySet<Allocation>;

/** Objects of `kmalloc` are smaller than twice what was asked for, but these, which are the smallest (arm64, with its cache lines). */
const SMALLEST = 128;

/** The allocations in a slab; `wanted` must ascend. */
export function allocationsInSlab({ cache, start, count, free }: Slab, wanted: readonly Allocation[]): Allocation[] {
  const found: Allocation[] = [];
  if (free === undefined || !/(?:^|-)kmalloc-/.test(cache.name)) return found;
  const end = start + count * cache.stride;
  for (let i = firstIndex(wanted.length, (k) => (wanted[k] as Allocation).start >= start); i < wanted.length; i++) {
    const one = wanted[i] as Allocation;
    if (one.start >= end) break;
    const index = (one.start - start) / cache.stride;
    const isFitting = cache.objectSize >= one.size && (cache.objectSize < 2 * one.size || cache.objectSize <= SMALLEST);
    if (Number.isInteger(index) && free[index] === 0 && isFitting) found.push(one);
  }
  return found;
}

/**
 * Adds what is wanted to `found`, if it lies in an allocation as it must be. Whatever else a pointer leads to may be
 * somebody else's, which stays. (Larger allocations are whole pages, which are dropped.)
 */
export function addAllocated(
  space: AddressSpace,
  wanted: readonly WantedBytes[],
  check: AllocationCheck | undefined,
  found: ScrubList,
): void {
  const places = wanted.flatMap((bytes) => {
    const start = space.translate(bytes.address)?.paddr;
    return start === undefined || bytes.from + bytes.length > bytes.size ? [] : [{ start, size: bytes.size, bytes }];
  });
  const held: ReadonlySet<Allocation> = places.length === 0 || check === undefined ? new Set(places) : check(places);
  for (const place of places) {
    const { address, from, length } = place.bytes;
    if (held.has(place) && addVirtual(space, address + BigInt(from), length, found.list) > 0) found.objects++;
  }
}
