import { eraseDebuginfo } from "../filter/erase/erase-debuginfo.js";
import { findKernelPages, type KernelPageRule } from "../filter/privacy/kernel-pages.js";
import { stackMark, taskStack } from "../filter/privacy/thread-stack.js";
import { attachSpace, type KernelView, viewMemory } from "../kernel/kernel-view.js";
import { type KernelObjects, memberAddress, readMember, readText, walkList } from "../kernel/objects/kernel-objects.js";
import { cacheName, slabType } from "../kernel/objects/slab-scan.js";
import { allTasks } from "../kernel/objects/tasks.js";
import type { KindReader } from "../kernel/page/kind-reader.js";
import type { PageKind } from "../kernel/page/page-kinds.js";
import { parseKernelVersion } from "../kernel/version.js";
import type { Dump } from "../reader/dump.js";
import type { GivenFile } from "../reader/source/side-file.js";
import { firstIndex } from "../sorted.js";
import type { PagePlace } from "./audit-result.js";
import { fileOwner, nameText } from "./file-owner.js";
import { imageOwner } from "./image-owner.js";
import type { PageOwner } from "./page-owner.js";
import { taskOwners } from "./task-owners.js";

/** Finds the owners of pages in which secrets were found. */
interface Owners {
  of(place: PagePlace): PageOwner | undefined;
  close(): void;
}

/**
 * Finds owners from the kernel's own data in a dump. Types and symbols come from the dump's memory, or from `vmlinux`;
 * without them there is only what page tables and the kernel's image show. `pfns` are the pages that will be looked up.
 * Reads the page tables once, and the tasks.
 */
export function pageOwners(
  dump: Dump,
  view: KernelView,
  reader: KindReader,
  pfns: readonly number[],
  vmlinux: GivenFile | undefined,
): Owners {
  const debuginfo = eraseDebuginfo(dump, view, vmlinux);
  const { kernel } = debuginfo;
  const space = attachSpace(view.space, dump.memory);
  const memory = viewMemory(dump, view);
  const stack = stackMark(
    dump.machine,
    dump.pageSize,
    taskStack(dump.machine, parseKernelVersion(view.utsname.release) ?? 0, kernel),
  );
  const mapped = mappedPages(dump, view, pfns, stack);
  const image = memory && imageOwner(memory, space, kernel?.symbols);
  const modules = kernel && moduleNames(kernel);
  let lazyTasks: ReturnType<typeof taskOwners> | undefined;
  const tasks = () => {
    if (kernel === undefined) return undefined;
    lazyTasks ??= taskOwners(kernel, space, allTasks(dump, view, kernel), Math.max(1, stack.pages));
    return lazyTasks;
  };
  /**
   * The first page of a slab names its cache; the following ones have other data there. Blocks begin at multiples of
   * their size.
   */
  const slab = (pfn: number): PageOwner | undefined => {
    for (let order = 0; kernel !== undefined && order <= MAX_SLAB_ORDER; order++) {
      const first = pfn - (pfn % 2 ** order);
      const address = first === pfn && order > 0 ? undefined : reader.structOf(first);
      const cache = address && readMember(kernel, slabType(kernel), address, "slab_cache");
      const name = cache ? cacheName(kernel, cache) : undefined;
      const orders = cache ? Number(readMember(kernel, "kmem_cache", cache, "oo.x") ?? 0n) >>> 16 : 0;
      if (name !== undefined && pfn - first < 2 ** orders) return { what: "slab", cache: name };
    }
    return undefined;
  };
  const ofKernel = (pfn: number, offset: number): PageOwner | undefined => {
    const own = tasks()?.stackAt(pfn);
    if (own !== undefined) return own;
    const found = mapped.get(pfn);
    switch (found?.rule) {
      case "stacks":
        return { what: "kernel stack" };
      case "modules": {
        const name = found.vaddr === undefined ? undefined : modules?.(found.vaddr + BigInt(offset));
        return { what: "module", ...(name === undefined ? {} : { name }) };
      }
      case "percpu":
        return { what: "per-CPU memory" };
      case "memMap":
        return { what: "struct pages" };
      case "pageTables":
        return { what: "page tables" };
      default: {
        const known = image?.(pfn * dump.pageSize + offset);
        if (known !== undefined || found?.vaddr === undefined) return known;
        return { what: "vmalloc", address: `0x${found.vaddr.toString(16)}` };
      }
    }
  };
  return {
    of({ pfn, offset, kind }) {
      if (kind === "slab") return slab(pfn);
      if (OF_KERNEL.has(kind)) return ofKernel(pfn, offset);
      if (!MAPPED.has(kind) || kernel === undefined) return undefined;
      const mapping = reader.mappingOf(pfn);
      if (mapping === undefined || !kernel.memory.isKernelAddress(mapping)) return undefined;
      if ((mapping & 3n) === 0n) return fileOwner(kernel, mapping);
      const index = (mapping & 3n) === 1n ? reader.indexOf(pfn) : undefined;
      return index === undefined ? undefined : tasks()?.anonymous(mapping, index);
    },
    close: () => debuginfo.close(),
  };
}

/** SLUB by itself makes orders up to 3; slub_max_order may allow more. */
const MAX_SLAB_ORDER = 10;

const OF_KERNEL: ReadonlySet<PageKind> = new Set(["kernel", "kernel-tail", "reserved", "page-table", "no-struct-page"]);
const MAPPED: ReadonlySet<PageKind> = new Set([
  ...(["anon", "anon-off-lru", "swap-cache", "cache", "cache-private", "shmem", "cache-off-lru", "hugetlb"] as const),
]);

interface MappedPage {
  readonly rule: KernelPageRule;
  readonly vaddr: bigint | undefined;
}

/** What the kernel's page tables map to some pages. */
function mappedPages(
  dump: Dump,
  view: KernelView,
  pfns: readonly number[],
  stack: ReturnType<typeof stackMark>,
): ReadonlyMap<number, MappedPage> {
  const found = new Map<number, MappedPage>();
  const sorted = [...pfns].sort((a, b) => a - b);
  if (view.layout.bit.reserved === undefined || sorted.length === 0) return found;
  findKernelPages(dump, view, stack, undefined, (rule, startPfn, endPfn, vaddr) => {
    const first = firstIndex(sorted.length, (i) => (sorted[i] as number) >= startPfn);
    for (let i = first; i < sorted.length && (sorted[i] as number) < endPfn; i++) {
      const pfn = sorted[i] as number;
      const known = found.get(pfn);
      if (known !== undefined && known.rule !== "vmalloc") continue;
      found.set(pfn, {
        rule,
        vaddr: vaddr === undefined ? undefined : vaddr + BigInt((pfn - startPfn) * dump.pageSize),
      });
    }
  });
  return found;
}

const MAX_MODULES = 1 << 14;
const MAX_NAME = 64;

interface ModuleRange {
  readonly start: bigint;
  readonly end: bigint;
  readonly name: string;
}

/**
 * Makes a function that names the module of an address in its text or data. It always returns `undefined` if symbols or
 * types do not lead to the list of modules.
 */
function moduleNames(kernel: KernelObjects): (address: bigint) => string | undefined {
  const { types, memory, symbols } = kernel;
  const head = symbols.address("modules");
  const ranges: ModuleRange[] = [];
  // struct module_memory mem[] since 6.4; module_layout in 4.5 to 6.3.
  const sections = types.member("module", "mem")?.count ?? 0;
  const places = [
    ...Array.from({ length: Math.min(sections, 32) }, (_, i) => [`mem[${i}].base`, `mem[${i}].size`] as const),
    ...["core_layout", "data_layout"].map((name) => [`${name}.base`, `${name}.size`] as const),
  ];
  for (const module of head === undefined ? [] : walkList(kernel, head, "module", "list", MAX_MODULES)) {
    const at = memberAddress(kernel, "module", module, "name");
    const name = at === undefined ? undefined : readText(memory, at, MAX_NAME);
    if (name === undefined) continue;
    for (const [base, size] of places) {
      const start = readMember(kernel, "module", module, base);
      const length = readMember(kernel, "module", module, size);
      if (start && length) ranges.push({ start, end: start + length, name: nameText(name) });
    }
  }
  return (address) => ranges.find(({ start, end }) => address >= start && address < end)?.name;
}
