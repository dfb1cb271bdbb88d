import type { KernelMemory } from "../kernel/kernel-memory.js";
import { type KernelView, viewMemory } from "../kernel/kernel-view.js";
import { nodeAddresses } from "../kernel/nodes.js";
import type { PageLayout } from "../kernel/page/page-layout.js";
import { freeListsOf, structPageFinder, type ZoneShape, zoneAddresses, zoneShape } from "../kernel/zones.js";
import { clearBits } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { Warnings } from "../warnings.js";
import { FREE } from "./page-classes.js";
import type { PagePlan } from "./plan.js";

/**
 * Whether struct pages of this kernel show which pages are free. Before 2.6.38 they do not, as far as VMCOREINFO
 * describes them.
 */
export function marksFreePages({ type, bit, offset }: PageLayout): boolean {
  const byType = type.buddy !== undefined && offset.mapcount !== undefined;
  return offset.private !== undefined && (byType || bit.buddy !== undefined);
}

/**
 * Drops the pages on the buddy allocator's free lists, for kernels that do not mark free pages. Each list is followed
 * around its ring; an entry whose neighbour does not point back ends the list with a warning, and the rest of it is
 * kept. All free pages are kept if VMCOREINFO does not lead to the lists.
 */
export function dropFreeLists(dump: Dump, view: KernelView, plan: PagePlan, warnings: Warnings): void {
  const kernel = viewMemory(dump, view);
  const shape = kernel && zoneShape(kernel);
  if (kernel === undefined || shape === undefined || nodeAddresses(kernel).length === 0) {
    warnings.add(
      "FREE_LISTS",
      "the kernel does not mark free pages, and VMCOREINFO does not lead to its free lists; free pages are kept",
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
  for (const zone of zoneAddresses(kernel, shape)) {
    for (const { order, head } of freeListsOf(zone, shape)) {
      const most = Math.ceil(plan.maxMapnr / 2 ** order);
      if (!walkList(kernel, shape, head, most, (page) => drop(page, order))) broken++;
    }
  }
  if (broken > 0) warnings.add("FREE_LISTS", "some free lists are broken; the pages after the break are kept", broken);
}

/** Follows a ring. Returns false if it is broken or longer than `most` entries. */
function walkList(
  kernel: KernelMemory,
  shape: ZoneShape,
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
