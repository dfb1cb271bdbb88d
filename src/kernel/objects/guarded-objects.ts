import type { Dump } from "../../reader/dump.js";
import type { AddressSpace } from "../address-space.js";
import { type KernelObjects, readMember } from "./kernel-objects.js";

/** The largest CONFIG_KFENCE_NUM_OBJECTS. */
const MAX_OBJECTS = 1 << 16;
/** KFENCE_OBJECT_ALLOCATED */
const ALLOCATED = 1n;

/** An object in use, in bytes. */
export interface GuardedObject {
  /** Physical address. */
  readonly start: number;
  readonly length: number;
}

/**
 * KFENCE's pool (5.12 and later): pages of slabs with one object each, at the page's begin or end, and pages between them
 * that cannot be read. The allocator's lists do not lead there.
 */
export interface GuardedObjects {
  /** Pages of the pool: [startPfn, endPfn). */
  readonly startPfn: number;
  readonly endPfn: number;
  /** Objects in use, by their page's number. */
  readonly used: ReadonlyMap<number, GuardedObject>;
  /** How many objects were used and freed. */
  readonly freed: number;
}

/** `none`: KFENCE is off, or the kernel lacks it; `undefined`: nothing says where its pool is. */
export function guardedObjects(
  space: AddressSpace,
  kernel: KernelObjects,
  { pageSize, maxMapnr }: Pick<Dump, "pageSize" | "maxMapnr">,
): GuardedObjects | "none" | undefined {
  const { memory, symbols, types } = kernel;
  const size = types.sizeOf("kfence_metadata");
  if (!size) return "none";
  const [poolAt, metadataAt] = [symbols.address("__kfence_pool"), symbols.address("kfence_metadata")];
  if (poolAt === undefined || metadataAt === undefined)
    return symbols.address("init_task") === undefined ? undefined : "none";
  const pool = memory.readWord(poolAt);
  if (!pool || !memory.isKernelAddress(pool)) return "none";
  // An array until 6.4, then a pointer to one.
  const pointer = memory.readWord(metadataAt) ?? 0n;
  const page = BigInt(pageSize);
  const pageOf = (i: number) => pool + BigInt(i + 1) * 2n * page;
  const addressOf = (array: bigint, i: number) =>
    readMember(kernel, "kfence_metadata", array + BigInt(i * size), "addr") ?? 0n;
  const array = [pointer, metadataAt].find(
    (one) => memory.isKernelAddress(one) && addressOf(one, 0) / page === pageOf(0) / page,
  );
  if (array === undefined) return undefined;
  const objects: { address: bigint; length: number }[] = [];
  let count = 0;
  let freed = 0;
  for (; count < MAX_OBJECTS && addressOf(array, count) / page === pageOf(count) / page; count++) {
    const one = array + BigInt(count * size);
    const state = readMember(kernel, "kfence_metadata", one, "state");
    if (state !== ALLOCATED) {
      if (state !== 0n) freed++;
      continue;
    }
    const length = Number(readMember(kernel, "kfence_metadata", one, "size") ?? 0n);
    if (length > 0 && length <= pageSize) objects.push({ address: addressOf(array, count), length });
  }
  const pages = 2 * (count + 1);
  const base = poolStart(space, pool, pages, pageSize);
  // What is no memory of the machine is no pool, whatever led there.
  if (base === undefined || base < 0 || base % pageSize !== 0 || base / pageSize + pages > maxMapnr) return undefined;
  const used = new Map<number, GuardedObject>();
  for (const { address, length } of objects) {
    const start = base + Number(address - pool);
    used.set(Math.floor(start / pageSize), { start, length });
  }
  const startPfn = base / pageSize;
  return { startPfn, endPfn: startPfn + pages, used, freed };
}

/** The physical address of the pool, which is in one piece; its first pages are never mapped. */
function poolStart(space: AddressSpace, pool: bigint, pages: number, pageSize: number): number | undefined {
  for (let i = 0; i < pages; i++) {
    const place = space.translate(pool + BigInt(i * pageSize));
    if (place !== undefined) return place.paddr - i * pageSize;
  }
  return undefined;
}
