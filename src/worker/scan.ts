import { BATCH, type Classifier, createClassifier } from "../filter/classifier.js";
import {
  CLASS_NUMBERS,
  CRASH_KERNEL,
  DEVICE,
  HWPOISON,
  KEPT,
  KEPT_FROM,
  KEPT_KNOWN,
  NO_STRUCT_PAGE,
  OFFLINE,
} from "../filter/page-classes.js";
import { createDeviceCheck } from "../filter/privacy/device-check.js";
import type { PrivacyView } from "../filter/privacy/privacy-view.js";
import { createRescue, type Rescue } from "../filter/privacy/rescue.js";
import { type AddressSpace, readVirtual } from "../kernel/address-space.js";
import { attachSpace } from "../kernel/kernel-view.js";
import { type MemMap, structPageIn, structPagesInHole } from "../kernel/page/mem-map.js";
import type { PageLayout } from "../kernel/page/page-layout.js";
import { bytesAt, clearBits, countBits, type PageBitmap } from "../reader/bitmap.js";
import { findBitIn } from "../reader/bits.js";
import { setPageBytes } from "../reader/page-bytes.js";
import type { PhysicalMemory } from "../reader/physical-memory.js";
import type { ScanContext, ScanResult, ScanTask } from "./tasks.js";

const NO_PAGES = new Uint8Array(0);

/** What one worker needs for classifying: made once per run. */
export interface ScanState {
  readonly dump: PhysicalMemory;
  readonly pageSize: number;
  readonly kept: PageBitmap;
  readonly space: AddressSpace;
  readonly memMap: MemMap;
  readonly pageLayout: PageLayout;
  readonly classifier: Classifier;
  /** Receives class numbers, if the caller wants them, for some pages from a pfn on. */
  readonly classes: { set(classes: Uint8Array, pfn: number): void } | undefined;
  readonly needed: PageBitmap | undefined;
  readonly privacy:
    | {
        readonly view: PrivacyView;
        readonly rescue: Rescue;
        readonly deviceCheck: ReturnType<typeof createDeviceCheck>;
      }
    | undefined;
}

/** Changes the classes of pages that are needed, as far as they would be dropped. Pages before `to` have classes. */
function keepNeeded(classes: Uint8Array, needed: Uint8Array, to: number, keptClass: number): void {
  for (let i = findBitIn(needed, 0, to, true); i < to; i = findBitIn(needed, i + 1, to, true)) {
    const found = classes[i] as number;
    // Reading a page with a memory error can stop the machine, whoever needs it; the hypervisor has the offline ones.
    if (found < KEPT_FROM && found !== HWPOISON && found !== OFFLINE) classes[i] = keptClass;
  }
}

export function scanState(dump: PhysicalMemory, pageSize: number, kept: PageBitmap, kernel: ScanContext): ScanState {
  const { memMap, pageLayout, policy } = kernel;
  const classifier = createClassifier(pageLayout, policy);
  const space = attachSpace(kernel.space, dump);
  const privacy = policy.privacy && {
    view: policy.privacy,
    rescue: createRescue(policy.privacy, space, dump, memMap, pageLayout, pageSize),
    deviceCheck: createDeviceCheck(pageLayout, policy.privacy.linear, policy.privacy.known),
  };
  const { needed } = policy;
  const bytes = kernel.classes;
  const classes = bytes && { set: (from: Uint8Array, pfn: number) => setPageBytes(bytes, from, pfn) };
  return { dump, pageSize, kept, space, memMap, pageLayout, classifier, classes, privacy, needed };
}

/**
 * Classifies the pages of a range and clears the bits of those to drop. Pages whose struct page is missing or cannot be
 * read are counted, and kept (with a privacy policy, dropped). A block that reaches beyond the range is reported and
 * not followed: its other pages belong to another task.
 */
export function scanPages(state: ScanState, task: ScanTask): ScanResult {
  const { dump, pageSize, kept, space, memMap, pageLayout, classifier, privacy } = state;
  const badOrders = classifier.badOrders;
  const dropped = new Array<number>(CLASS_NUMBERS).fill(0);
  /** Pages [start, end) have no struct page that can be read. */
  const dropUnknown = (start: number, end: number) => {
    if (privacy === undefined || end <= start) return;
    dropped[NO_STRUCT_PAGE] = (dropped[NO_STRUCT_PAGE] as number) + clearBits(kept, start, end);
  };
  // With a privacy policy, memory that is offline is dropped whatever its struct pages say: some kernels leave it
  // reserved.
  for (const { startPfn, endPfn } of (privacy && memMap.offline) ?? []) {
    const [start, end] = [Math.max(startPfn, task.startPfn), Math.min(endPfn, task.endPfn)];
    if (start < end) dropped[OFFLINE] = (dropped[OFFLINE] as number) + clearBits(kept, start, end);
  }
  for (const [pageClass, ranges] of [
    [CRASH_KERNEL, privacy?.view.crashKernel],
    [DEVICE, privacy?.view.foreign],
  ] as const) {
    for (const { startPfn, endPfn } of ranges ?? []) {
      const [start, end] = [Math.max(startPfn, task.startPfn), Math.min(endPfn, task.endPfn)];
      if (start < end) dropped[pageClass] = (dropped[pageClass] as number) + clearBits(kept, start, end);
    }
  }
  let unreadable = 0;
  let withStructPage = 0;
  /** Pages before this one belong to a block that was classified already. */
  let covered = task.startPfn;
  const total = countBits(kept, task.startPfn, task.endPfn);
  /** The bytes of the bitmap for the task's pages, looked up once; each batch uses a part. */
  const bits = bytesAt(kept, task.startPfn, task.endPfn) ?? NO_PAGES;
  const known = privacy && bytesAt(privacy.view.known, task.startPfn, task.endPfn);
  const needed = state.needed && bytesAt(state.needed, task.startPfn, task.endPfn);
  const keptClass = privacy === undefined ? KEPT : KEPT_KNOWN;
  /** Ranges of struct pages have been handled for the pages before this one. */
  let behind = task.startPfn;

  for (let range = 0; range < memMap.count; range++) {
    const start = Math.max(memMap.startPfn[range] as number, task.startPfn);
    const end = Math.min(memMap.endPfn[range] as number, task.endPfn);
    if (start >= end) continue;
    dropUnknown(behind, start);
    behind = end;
    classifier.startPiece();
    withStructPage += countBits(kept, start, end);
    const vaddrOf = (pfn: number) => structPageIn(memMap, pageLayout.size, range, pfn);
    let pfn = start;
    while (pfn < end) {
      const first = pfn - (pfn % 8);
      const to = Math.min(end - first, BATCH);
      const from = pfn - first;
      const at = (first - task.startPfn) / 8;
      const present = bits.subarray(at, at + Math.ceil(to / 8));
      if (findBitIn(present, from, to, true) === to) {
        classifier.startPiece();
        pfn = first + to;
        continue;
      }
      const wanted = classifier.pages.subarray(from * pageLayout.size, to * pageLayout.size);
      const got = Math.floor(readVirtual(space, dump, wanted, vaddrOf(pfn)) / pageLayout.size);
      classifier.present.set(present);
      if (known !== undefined) classifier.known.set(known.subarray(at, at + present.length));
      else if (privacy !== undefined) classifier.known.fill(0);
      covered = classifier.classify(first, from, from + got, covered);
      if (privacy !== undefined) {
        const { pages, classes } = classifier;
        privacy.deviceCheck({ firstPfn: first, from, to: from + got, pages, classes, address: vaddrOf(pfn) });
        privacy.rescue({ firstPfn: first, from, to: from + got, pages, classes });
      }
      if (needed !== undefined)
        keepNeeded(classifier.classes, needed.subarray(at, at + present.length), from + got, keptClass);
      state.classes?.set(classifier.classes.subarray(from, from + got), pfn);
      classifier.drop(from + got, dropped);
      present.set(classifier.present.subarray(0, present.length));
      pfn += got;
      if (from + got < to) {
        // The array has a hole here: continue behind the page of memory that is missing.
        const after = Math.min(pfn + structPagesInHole(vaddrOf(pfn), pageSize, pageLayout.size), end);
        unreadable += countBits(kept, pfn, after);
        dropUnknown(pfn, after);
        classifier.startPiece();
        pfn = after;
      }
    }
  }
  dropUnknown(behind, task.endPfn);
  return {
    dropped,
    unreadable,
    withoutStructPage: total - withStructPage,
    badOrders: classifier.badOrders - badOrders,
    rest:
      covered > task.endPfn && classifier.rest < KEPT_FROM
        ? { startPfn: task.endPfn, endPfn: covered, pageClass: classifier.rest }
        : undefined,
  };
}
