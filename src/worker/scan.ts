import { readVirtual } from "../filter/address-space.js";
import { createClassifier } from "../filter/classify.js";
import { attachSpace } from "../filter/kernel-view.js";
import { KEPT, PAGE_CLASSES } from "../filter/page-classes.js";
import { countBits } from "../reader/bitmap.js";
import type { PhysicalMemory } from "../reader/dump.js";
import type { ScanResult, ScanTask } from "./tasks.js";

/** Struct pages read at once: half a MiB, which stays in the processor's cache until it has been looked at. */
const BATCH = 8192;

/**
 * Classifies the pages of a range and clears the bits of those to drop. Pages whose struct page is missing or cannot
 * be read are kept and counted. A block that reaches beyond the range is reported, not followed: its pages belong to
 * another task.
 */
export function scanPages(dump: PhysicalMemory, pageSize: number, task: ScanTask): ScanResult {
  const { kept, memMap, pageLayout } = task;
  const space = attachSpace(task.space, dump);
  const classifier = createClassifier(pageLayout, task.policy);
  const bytes = new Uint8Array(BATCH * pageLayout.size);
  const words = new Uint32Array(bytes.buffer);
  const classes = new Uint8Array(BATCH);
  const dropped: number[] = PAGE_CLASSES.map(() => 0);
  let unreadable = 0;
  let withStructPage = 0;
  /** Pages before this one belong to a block already classified. */
  let covered = task.startPfn;
  const total = countBits(kept, task.startPfn, task.endPfn);

  const applyClasses = (first: number, from: number, to: number) => {
    for (let i = from; i < to; i++) {
      const found = classes[i] as number;
      if (found === KEPT) continue;
      const byte = (first + i) / 8;
      const index = Math.floor(byte);
      const bit = 1 << ((first + i) % 8);
      if (((kept[index] as number) & bit) === 0) continue;
      kept[index] = (kept[index] as number) & ~bit;
      dropped[found] = (dropped[found] as number) + 1;
    }
  };

  for (let range = 0; range < memMap.count; range++) {
    const start = Math.max(memMap.startPfn[range] as number, task.startPfn);
    const end = Math.min(memMap.endPfn[range] as number, task.endPfn);
    if (start >= end) continue;
    withStructPage += countBits(kept, start, end);
    const address = memMap.address[range] as bigint;
    const vaddrOf = (pfn: number) =>
      address + BigInt(pfn - (memMap.startPfn[range] as number)) * BigInt(pageLayout.size);
    let pfn = start;
    while (pfn < end) {
      const first = pfn - (pfn % 8);
      const to = Math.min(end - first, BATCH);
      const from = pfn - first;
      if (countBits(kept, pfn, first + to) === 0) {
        pfn = first + to;
        continue;
      }
      const wanted = bytes.subarray(from * pageLayout.size, to * pageLayout.size);
      const got = Math.floor(readVirtual(space, dump, wanted, vaddrOf(pfn)) / pageLayout.size);
      classes.fill(KEPT);
      // The pages of a block that began before this batch are of its class already.
      const begin = Math.max(from, Math.min(covered - first, from + got));
      if (begin > from) classes.fill(classifier.rest, from, begin);
      const present = kept.subarray(first / 8, Math.ceil((first + to) / 8));
      const next = classifier.classify({ words, firstPfn: first, from: begin, to: from + got, present }, classes);
      covered = Math.max(covered, first + next);
      applyClasses(first, from, from + got);
      pfn += got;
      if (from + got < to) {
        // The array has a hole here: go on behind the page of memory in which it is.
        const hole = Math.max(1, Math.ceil((pageSize - Number(vaddrOf(pfn) % BigInt(pageSize))) / pageLayout.size));
        const after = Math.min(pfn + hole, end);
        unreadable += countBits(kept, pfn, after);
        pfn = after;
      }
    }
  }
  return {
    dropped,
    unreadable,
    withoutStructPage: total - withStructPage,
    badOrders: classifier.badOrders,
    rest: covered > task.endPfn ? { startPfn: task.endPfn, endPfn: covered, pageClass: classifier.rest } : undefined,
  };
}
