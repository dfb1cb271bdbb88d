import { readVirtual } from "../kernel/address-space.js";
import type { KernelMemory } from "../kernel/kernel-memory.js";
import { attachSpace, type KernelView, viewMemory } from "../kernel/kernel-view.js";
import { parseKernelVersion } from "../kernel/version.js";
import type { Dump } from "../reader/dump.js";
import { createKindTeller, KIND, type PageKindLayout, pageKindLayout } from "./page-kinds.js";

/** Struct pages read at once. */
const BATCH = 8192;

/** Tells the kinds of a dump's pages from the struct pages in it. */
export interface KindReader {
  /**
   * Writes the kinds of the pages [startPfn, endPfn) to `kinds`; windows must follow each other, for a huge page may begin
   * in an earlier one.
   */
  read(startPfn: number, endPfn: number, kinds: Uint8Array): void;
  /** The word in `mapping` of a page's struct page, or of its head's. */
  mappingOf(pfn: number): bigint | undefined;
  /** The page's place in that mapping, in pages: `index`, which lies behind `mapping` in every kernel. */
  indexOf(pfn: number): bigint | undefined;
  /** The address of a page's struct page, or of its head's. */
  structOf(pfn: number): bigint | undefined;
}

/** Throws nothing of its own: a view needs VMCOREINFO. */
export function kindReader(dump: Dump, view: KernelView): KindReader {
  const info = dump.vmcoreinfo;
  const memory = viewMemory(dump, view);
  if (info === undefined || memory === undefined) throw new Error("a kernel view without VMCOREINFO");
  const { memMap } = view;
  const layout = pageKindLayout(info, view.layout, parseKernelVersion(view.utsname.release) ?? 0);
  const { size } = layout.page;
  const teller = createKindTeller(layout);
  const space = attachSpace(view.space, dump.memory);
  const bytes = new Uint8Array((BATCH + 1) * size);
  const pages = new DataView(bytes.buffer);
  /** Pages before this one belong to a block already met, of this kind. */
  let covered = 0;
  let coveredKind = KIND["no-struct-page"];
  /** The last page that was told by itself: a block may begin with it. */
  let first: First = { pfn: 0, kind: KIND["no-struct-page"] };

  const addressOf = (range: number, pfn: number) =>
    (memMap.address[range] as bigint) + BigInt(pfn - (memMap.startPfn[range] as number)) * BigInt(size);

  /** Kinds of the pages [from, to) of a range. Returns the first pfn whose struct page was not there, or `to`. */
  const readRun = (range: number, from: number, to: number, window: Window): number => {
    const wanted = Math.min(to + 1, memMap.endPfn[range] as number) - from;
    const got = Math.floor(
      readVirtual(space, dump.memory, bytes.subarray(0, wanted * size), addressOf(range, from)) / size,
    );
    const { startPfn, kinds } = window;
    const count = Math.min(got, to - from);
    for (let i = 0; i < count; i++) {
      const pfn = from + i;
      const at = i * size;
      if (pfn < covered) {
        kinds[pfn - startPfn] = coveredKind;
        continue;
      }
      if (teller.isTail(pages, at)) {
        // Of a head whose order is not known.
        kinds[pfn - startPfn] = pfn > startPfn ? (kinds[pfn - startPfn - 1] as number) : coveredKind;
        continue;
      }
      const hasNext = i + 1 < got;
      let kind = teller.kindAt(pages, at, hasNext);
      if (kind === KIND.unreferenced) {
        const listed = isListed(memory, layout, pages, at, addressOf(range, pfn));
        kind = listed ? KIND["pcp-free"] : kindBehind(first, pfn, listed);
        if (listed) first = { pfn, kind };
      } else {
        first = { pfn, kind };
      }
      kinds[pfn - startPfn] = kind;
      covered = pfn + teller.pagesOf(pages, at, kind, pfn, hasNext);
      coveredKind = kind;
    }
    return from + count;
  };

  /** The struct page that speaks for a page, and how many pages the page lies behind that one's. */
  const headOf = (pfn: number): { address: bigint; behind: number } | undefined => {
    for (let range = 0; range < memMap.count; range++) {
      if (pfn < (memMap.startPfn[range] as number) || pfn >= (memMap.endPfn[range] as number)) continue;
      const { offset } = layout.page;
      const address = addressOf(range, pfn);
      const head = offset.compoundHead === undefined ? 0n : memory.readWord(address + BigInt(offset.compoundHead));
      // From 7.1 on a mask can stand there; then the page is asked itself.
      if (head !== undefined && (head & 1n) !== 0n && memory.isKernelAddress(head)) {
        const distance = address - (head - 1n);
        if (distance > 0n && distance < BigInt(size) << 24n) {
          return { address: head - 1n, behind: Math.round(Number(distance) / size) };
        }
      }
      return { address, behind: 0 };
    }
    return undefined;
  };

  return {
    read(startPfn, endPfn, kinds) {
      const window: Window = { startPfn, kinds };
      kinds.fill(KIND["no-struct-page"], 0, endPfn - startPfn);
      for (let range = 0; range < memMap.count; range++) {
        let pfn = Math.max(memMap.startPfn[range] as number, startPfn);
        const end = Math.min(memMap.endPfn[range] as number, endPfn);
        while (pfn < end) {
          const to = Math.min(end, pfn + BATCH);
          const reached = readRun(range, pfn, to, window);
          pfn = reached;
          if (reached < to) {
            // The array has a hole here: go on behind the page of memory in which it is.
            const rest = dump.pageSize - Number(addressOf(range, reached) % BigInt(dump.pageSize));
            pfn = Math.min(reached + Math.max(1, Math.ceil(rest / size)), end);
            kinds.fill(KIND.unreadable, reached - startPfn, pfn - startPfn);
          }
        }
      }
    },
    structOf: (pfn) => headOf(pfn)?.address,
    mappingOf(pfn) {
      const head = headOf(pfn);
      return head && memory.readWord(head.address + BigInt(layout.page.offset.mapping));
    },
    indexOf(pfn) {
      const head = headOf(pfn);
      const index = head && memory.readWord(head.address + BigInt(layout.page.offset.mapping + dump.machine.wordSize));
      return index === undefined ? undefined : index + BigInt(head?.behind ?? 0);
    },
  };
}

interface Window {
  readonly startPfn: number;
  readonly kinds: Uint8Array;
}

interface First {
  readonly pfn: number;
  readonly kind: number;
}

/**
 * The kind of a page without references, marks and list by the page that may be the first of its block: blocks are of
 * 2^n pages and begin at multiples of that. A block on a CPU's list (freed huge pages since 5.13) is listed by its first
 * page, and the others say nothing; nor do those behind the first of a kernel allocation that is not compound (stacks,
 * page tables of two pages). `listed` is `undefined` where the lists cannot be read: then it may be a free page as well.
 */
function kindBehind(first: First, pfn: number, listed: boolean | undefined): number {
  const pages = 2 ** Math.ceil(Math.log2(pfn - first.pfn + 1));
  if (pages > MOST_BLOCK || first.pfn % pages !== 0) return KIND.unreferenced;
  if (first.kind === KIND["pcp-free"]) return KIND["pcp-free"];
  const kernel = first.kind === KIND.kernel || first.kind === KIND["page-table"];
  return kernel && listed === false ? KIND["kernel-tail"] : KIND.unreferenced;
}

/** No kernel allocates more pages at once. */
const MOST_BLOCK = 2 ** 20;

/**
 * Whether a page is an element of a list: both neighbours of its `lru` point back to it. A page without references or
 * marks that is in a list waits on a CPU's free list (pcp_list shares its place with lru); what such lists have left
 * behind does not fit together. `undefined` if a neighbour cannot be read. Reads two words.
 */
function isListed(
  memory: KernelMemory,
  { lru, page }: PageKindLayout,
  pages: DataView,
  at: number,
  address: bigint,
): boolean | undefined {
  if (lru === undefined) return undefined;
  const pointer = (offset: number) =>
    page.wordSize === 8
      ? pages.getBigUint64(offset, page.littleEndian)
      : BigInt(pages.getUint32(offset, page.littleEndian));
  const next = pointer(at + lru);
  const previous = pointer(at + lru + page.wordSize);
  const self = address + BigInt(lru);
  if (next === self || !memory.isKernelAddress(next) || !memory.isKernelAddress(previous)) return false;
  const back = memory.readWord(next + BigInt(page.wordSize));
  const forth = memory.readWord(previous);
  // One neighbour that is another's is enough to know better.
  if ((back !== undefined && back !== self) || (forth !== undefined && forth !== self)) return false;
  return back === undefined || forth === undefined ? undefined : true;
}
