import { firstIndex } from "../sorted.js";
import type { KernelMemory } from "./kernel-memory.js";
import { nodeAddresses } from "./nodes.js";
import type { MemMap } from "./page/mem-map.js";

/** Offsets, sizes (bytes) and lengths of the structs that lead to a zone's free lists. */
export interface ZoneShape {
  readonly nodeZones: number;
  readonly nrZones: number;
  readonly zoneSize: number;
  readonly spannedPages: number;
  readonly freeArea: number;
  readonly freeAreaSize: number;
  readonly freeList: number;
  readonly listHeadSize: number;
  readonly next: number;
  readonly prev: number;
  readonly lru: number;
  readonly orders: number;
  readonly migrateTypes: number;
}

/** The shape from VMCOREINFO; `undefined` where VMCOREINFO lacks a part of it or has values that no kernel has. */
export function zoneShape({ info, wordSize }: KernelMemory): ZoneShape | undefined {
  const freeListLength = info.length("free_area.free_list");
  const shape = {
    nodeZones: info.offset("pglist_data.node_zones"),
    nrZones: info.offset("pglist_data.nr_zones"),
    zoneSize: info.size("zone"),
    spannedPages: info.offset("zone.spanned_pages"),
    freeArea: info.offset("zone.free_area"),
    freeAreaSize: info.size("free_area"),
    freeList: info.offset("free_area.free_list"),
    listHeadSize: info.size("list_head") ?? 2 * wordSize,
    next: info.offset("list_head.next") ?? 0,
    prev: info.offset("list_head.prev") ?? wordSize,
    lru: info.offset("page.lru"),
    orders: info.length("zone.free_area"),
    // Before 2.6.24 an order has one list.
    migrateTypes: freeListLength ?? 1,
  };
  const whole = Object.values(shape).every((value) => value !== undefined && value < 1 << 24);
  return whole && (shape.orders ?? 0) <= 64 && shape.migrateTypes <= 64 ? (shape as ZoneShape) : undefined;
}

/** Virtual addresses of all zones that have memory. */
export function zoneAddresses(kernel: KernelMemory, shape: ZoneShape): bigint[] {
  return nodeAddresses(kernel).flatMap((node) => zonesOfNode(kernel, shape, node));
}

function zonesOfNode(kernel: KernelMemory, shape: ZoneShape, node: bigint): bigint[] {
  const count = kernel.readView(node + BigInt(shape.nrZones), 4)?.getUint32(0, kernel.littleEndian) ?? 0;
  // No kernel has more than a handful of zones. The limit is for damaged numbers.
  const zones = Array.from(
    { length: Math.min(count, 16) },
    (_, i) => node + BigInt(shape.nodeZones + i * shape.zoneSize),
  );
  return zones.filter((zone) => (kernel.readWord(zone + BigInt(shape.spannedPages)) ?? 0n) !== 0n);
}

/** One of a zone's lists of free blocks of 2^order pages. */
export interface FreeList {
  readonly order: number;
  /** Virtual address of its list head. */
  readonly head: bigint;
}

/** All free lists of a zone: one per order and migrate type. */
export function* freeListsOf(zone: bigint, shape: ZoneShape): Generator<FreeList> {
  for (let order = 0; order < shape.orders; order++) {
    for (let type = 0; type < shape.migrateTypes; type++) {
      const area = zone + BigInt(shape.freeArea + order * shape.freeAreaSize);
      yield { order, head: area + BigInt(shape.freeList + type * shape.listHeadSize) };
    }
  }
}

/**
 * Makes a function that finds the pfn of a struct page by its address; `undefined` if no struct page is at the address.
 */
export function structPageFinder(memMap: MemMap, size: number): (page: bigint) => number | undefined {
  const order = Array.from({ length: memMap.count }, (_, i) => i).sort((a, b) =>
    (memMap.address[a] as bigint) < (memMap.address[b] as bigint) ? -1 : 1,
  );
  const start = (i: number) => memMap.address[order[i] as number] as bigint;
  return (page) => {
    const range = order[firstIndex(order.length, (i) => start(i) > page) - 1];
    if (range === undefined) return undefined;
    const bytes = page - (memMap.address[range] as bigint);
    const pfn = (memMap.startPfn[range] as number) + Number(bytes / BigInt(size));
    return bytes % BigInt(size) === 0n && pfn < (memMap.endPfn[range] as number) ? pfn : undefined;
  };
}
