import { DumpError } from "../../errors.js";
import type { TaskStack } from "../../kernel/arch/arch-support.js";
import { attachSpace, type KernelView } from "../../kernel/kernel-view.js";
import { parseKernelVersion } from "../../kernel/version.js";
import { OPTION } from "../../option-words.js";
import { countBits, type PageBitmap, setBits } from "../../reader/bitmap.js";
import type { Dump } from "../../reader/dump.js";
import type { PfnRange } from "../../reader/pfn-range.js";
import { crashKernelRanges } from "./crash-kernel.js";
import { findKernelPages, type KernelPageObserver, type KernelPages } from "./kernel-pages.js";
import type { ObjectPages } from "./large-objects.js";
import { structPageReader } from "./page-reader.js";
import { type StackMark, stackMark, taskStack } from "./thread-stack.js";

/** What a run with `--privacy` needs, as plain data for the workers. */
export interface PrivacyView {
  readonly stack: StackMark;
  /** The kernel maps its stacks (CONFIG_VMAP_STACK): what has a mark elsewhere is none. */
  readonly mapsStacks?: boolean;
  /** Pages known to be the kernel's, one bit per pfn, in shared memory. */
  readonly known: PageBitmap;
  /** Memory reserved for the crash kernel. */
  readonly crashKernel: readonly PfnRange[];
  /** Other memory that was reserved at boot for others than the kernel. */
  readonly foreign?: readonly PfnRange[];
  /** The memory that the kernel's direct map and its image have, if its page tables show it. */
  readonly linear?: readonly PfnRange[];
  readonly littleEndian: boolean;
  readonly lowestAddress: bigint;
  /** The pages with tops of stacks that were found: `StackTops.pages`. */
  readonly stackTops?: PageBitmap;
}

/** What was found before about a dump's private data: see `ScrubSearch`. */
export interface FoundBefore {
  /** Pages that are known to be the kernel's, in addition to those that `privacyView` finds. */
  readonly pages?: readonly ObjectPages[];
  /** If it is not given it is searched for. */
  readonly crashKernel?: readonly PfnRange[] | undefined;
  readonly foreign?: readonly PfnRange[];
  readonly observe?: KernelPageObserver;
  readonly kernelStack?: TaskStack;
}

/**
 * Finds the pages that certainly are the kernel's. Throws `CANNOT_FILTER` with the fact that is missing: a run with
 * `--privacy` never keeps pages that it cannot judge. Marks the last pages of stacks in `stackTops`.
 */
export function privacyView(
  dump: Dump,
  view: KernelView,
  stackTops?: PageBitmap,
  before: FoundBefore = {},
): { readonly view: PrivacyView; readonly pages: KernelPages; readonly gaps: readonly string[] } {
  const { foreign = [] } = before;
  const kernelStack = before.kernelStack ?? taskStack(dump.machine, parseKernelVersion(view.utsname.release) ?? 0);
  if (view.layout.bit.slab === undefined && view.layout.type.slab === undefined) {
    throw refused(
      dump,
      `${OPTION.privacy} needs to know the slab allocator's pages, and VMCOREINFO has no mark of them`,
    );
  }
  checkReserved(dump, view);
  const stack = stackMark(dump.machine, dump.pageSize, kernelStack);
  const pages = findKernelPages(dump, view, stack, stackTops, before.observe);
  for (const { startPfn, endPfn } of before.pages ?? []) {
    const end = Math.min(endPfn, dump.maxMapnr);
    if (end <= startPfn) continue;
    pages.counts.objects += end - startPfn - countBits(pages.known, startPfn, end);
    setBits(pages.known, startPfn, end);
  }
  const crashKernel = before.crashKernel ?? crashKernelRanges(dump, view);
  const { littleEndian } = dump.machine;
  return {
    view: {
      ...{ stack, known: pages.known, crashKernel: crashKernel ?? [], littleEndian, lowestAddress: view.lowestAddress },
      ...(pages.stacks.length >= MANY_STACKS && { mapsStacks: true }),
      ...(stackTops && { stackTops }),
      ...(pages.linear && { linear: pages.linear }),
      ...(foreign.length > 0 && { foreign }),
    },
    pages,
    gaps: [
      ...(crashKernel === undefined
        ? ["memory reserved for a crash kernel (its initramfs may hold keys): nothing says where it is"]
        : []),
      ...(view.layout.offset.lru === undefined
        ? ["persistent memory, which counts as reserved: VMCOREINFO lacks OFFSET(page.lru)"]
        : []),
      ...(pages.linear === undefined
        ? ["memory kept from the kernel (memmap=, firmware), which counts as reserved: its page tables do not show it"]
        : []),
    ],
  };
}

/** Any kernel has more threads of its own. Where it maps no stacks, a few may be somebody's data. */
const MANY_STACKS = 8;

/** The error for a dump for which `--privacy` cannot guarantee anything. */
export function refused(dump: Dump, why: string): DumpError {
  return new DumpError("CANNOT_FILTER", why, {
    file: dump.paths[0] ?? "",
    cure: `Nothing was written, for user data might have stayed; without ${OPTION.privacy}, level 31 drops what it recognises`,
  });
}

/** PG_reserved is not exported: the pages of the kernel's image, which are reserved, must have the assumed bit. */
function checkReserved(dump: Dump, view: KernelView): void {
  const info = dump.vmcoreinfo;
  if (view.layout.bit.reserved === undefined || info === undefined) {
    throw refused(dump, `${OPTION.privacy} needs the number of PG_private, and VMCOREINFO has none`);
  }
  const space = attachSpace(view.space, dump.memory);
  const structs = structPageReader(space, dump.memory, view.memMap, view.layout);
  const symbols = ["init_uts_ns", "swapper_pg_dir", "init_top_pgt", "init_level4_pgt", "_stext"];
  const pfns = symbols
    .map((name) => info.symbol(name))
    .map((address) => (address === undefined ? undefined : space.translate(address)))
    .filter((place) => place !== undefined)
    .map((place) => Math.floor(place.paddr / dump.pageSize));
  if (pfns.length > 0 && pfns.every((pfn) => structs.isKernelData(pfn))) return;
  throw refused(
    dump,
    `${OPTION.privacy} needs to know PG_reserved, and the struct pages of the kernel's image lack that bit`,
  );
}
