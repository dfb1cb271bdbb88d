import { clearBits } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { Warnings } from "../warnings.js";
import type { KernelMemory } from "./kernel-memory.js";
import { type KernelView, viewMemory } from "./kernel-view.js";
import type { MemMap } from "./mem-map.js";
import { nodeAddresses } from "./nodes.js";
import { FREE } from "./page-classes.js";
import type { PageLayout } from "./page-layout.js";
import type { PagePlan } from "./plan.js";

/** Whether struct pages tell which pages are free: kernels before 2.6.38 do not, as far as VMCOREINFO goes. */
export function marksFreePages({ type, bit, offset }: PageLayout): boolean {
  const byType = type.buddy !== undefined && offset.mapcount !== undefined;
  return offset.private !== undefined && (byType || bit.buddy !== undefined);
}

/** Offsets and lengths of what leads to the free lists, in bytes and numbers. */
interface ListShape {
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

/**
 * Drops the pages on the buddy allocator's free lists, for kernels that do not mark free pages. Each list is walked
 * ring-wise; an entry whose neighbour does not point back ends its list with a warning, and what is behind it is kept,
 * as all free pages are when VMCOREINFO does not lead to the lists.
 */
export function dropFreeLists(dump: Dump, view: KernelView, plan: PagePlan, warnings: Warnings): void {
  const kernel = viewMemory(dump, view);
  const shape = kernel && listShape(kernel);
  const nodes = kernel === undefined ? [] : nodeAddresses(kernel);
  if (kernel === undefined || shape === undefined || nodes.length === 0) {
    warnings.add(
      "FREE_LISTS",
      "the kernel marks no free pages, and VMCOREINFO does not lead to its free lists; they are kept",
    );
    return;
  }
  const pfnOf = structPageFinder(view.memMap, view.layout.size);
  const drop = (page: bigint, order: number) => {
    const pfn = pfnOf(page);
    if (pfn === undefined || pfn % 2 ** order !== 0) return false;
    const end = Math.min(pfn + 2 ** order, plan.maxMapnr);
    plan.dropped[FREE] = (plan.dropped[FREE] as number) + clearBits(plan.kept, Math.min(pfn, end), end);
    return true;
  };
  let broken = 0;
  for (const node of nodes) {
    for (const zone of zonesOf(kernel, shape, node)) {
      for (let order = 0; order < shape.orders; order++) {
        for (let type = 0; type < shape.migrateTypes; type++) {
          const area = zone + BigInt(shape.freeArea + order * shape.freeAreaSize);
          const head = area + BigInt(shape.freeList + type * shape.listHeadSize);
          const most = Math.ceil(plan.maxMapnr / 2 ** order);
          if (!walkList(kernel, shape, head, most, (page) => drop(page, order))) broken++;
        }
      }
    }
  }
  if (broken > 0) warnings.add("FREE_LISTS", "free lists that are broken; the pages behind the break are kept", broken);
}

/** Walks a ring. Returns false where it is broken or longer than `most` entries. */
function walkList(
  kernel: KernelMemory,
  shape: ListShape,
  head: bigint,
  most: number,
  visit: (page: bigint) => boolean,
): boolean {
  let previous = head;
  let entry = kernel.readWord(head + BigInt(shape.next));
  for (let count = 0; entry !== undefined && entry !== head; count++) {
    const back = kernel.readWord(entry + BigInt(shape.prev));
    if (back !== previous || count >= most || !visit(entry - BigInt(shape.lru))) return false;
    previous = entry;
    entry = kernel.readWord(entry + BigInt(shape.next));
  }
  return entry === head;
}

/** Addresses of a node's zones that have memory. */
function zonesOf(kernel: KernelMemory, shape: ListShape, node: bigint): bigint[] {
  const count = kernel.readView(node + BigInt(shape.nrZones), 4)?.getUint32(0, kernel.littleEndian) ?? 0;
  // No kernel has more than a handful; a damaged number must not cost more.
  const zones = Array.from(
    { length: Math.min(count, 16) },
    (_, i) => node + BigInt(shape.nodeZones + i * shape.zoneSize),
  );
  return zones.filter((zone) => (kernel.readWord(zone + BigInt(shape.spannedPages)) ?? 0n) !== 0n);
}

function listShape({ info, wordSize }: KernelMemory): ListShape | undefined {
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
  return whole && (shape.orders ?? 0) <= 64 && shape.migrateTypes <= 64 ? (shape as ListShape) : undefined;
}

/** The pfn of a struct page by its address. */
function structPageFinder(memMap: MemMap, size: number): (page: bigint) => number | undefined {
  const order = Array.from({ length: memMap.count }, (_, i) => i).sort((a, b) =>
    (memMap.address[a] as bigint) < (memMap.address[b] as bigint) ? -1 : 1,
  );
  const start = (i: number) => memMap.address[order[i] as number] as bigint;
  return (page) => {
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (start(middle) > page) high = middle;
      else low = middle + 1;
    }
    const range = order[low - 1];
    if (range === undefined) return undefined;
    const bytes = page - (memMap.address[range] as bigint);
    const pfn = (memMap.startPfn[range] as number) + Number(bytes / BigInt(size));
    return bytes % BigInt(size) === 0n && pfn < (memMap.endPfn[range] as number) ? pfn : undefined;
  };
}
