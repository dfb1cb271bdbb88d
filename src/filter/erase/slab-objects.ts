import type { KernelView } from "../../kernel/kernel-view.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { type SlabCache, scanSlabs, slabCaches, slabType } from "../../kernel/objects/slab-scan.js";
import { structPageRun } from "../../kernel/page/mem-map.js";
import { OPTION } from "../../option-words.js";
import type { Dump } from "../../reader/dump.js";
import { cannotErase } from "./values.js";

/** The objects of one slab cache, in use and free. */
export interface SlabObjects {
  /** Bytes of an object that its user may write, without the allocator's own data. */
  readonly size: number;
  /** Physical addresses. */
  each(): Iterable<{ readonly paddr: number }>;
}

/** The most objects of one slab: 15 bits of struct slab. */
const MAX_OBJECTS = 1 << 15;

/**
 * Finds the slabs of caches by their struct pages, because full slabs are on no list. All struct pages are read once,
 * for all caches that rules name: about 60 ns per page. Supports SLUB, the only allocator since 6.8; throws
 * `CANNOT_ERASE` for others, and for names that no cache has.
 */
export class SlabFinder {
  #caches: readonly SlabCache[] | undefined;
  /** The first pfns of the slabs, by the address of the cache. */
  #slabs: ReadonlyMap<bigint, readonly number[]> | undefined;

  /** `wanted`: the names of all caches that will be requested. */
  constructor(
    private readonly dump: Dump,
    private readonly view: KernelView,
    private readonly kernel: KernelObjects,
    private readonly wanted: readonly string[],
  ) {}

  objectsOf(name: string): SlabObjects {
    const { types } = this.kernel;
    if (types.member("kmem_cache", "object_size") === undefined || types.member("kmem_cache", "oo") === undefined) {
      throw cannotErase("the kernel's slab allocator is not SLUB", "Erase what a list or a symbol leads to");
    }
    const caches = this.#named(name);
    const slabs = this.#findSlabs();
    const member = (cache: SlabCache, path: string) =>
      Number(readMember(this.kernel, "kmem_cache", cache.address, path) ?? 0n);
    const shapes = caches.map((cache) => ({
      slabs: slabs.get(cache.address) ?? [],
      size: member(cache, "object_size"),
      stride: member(cache, "size"),
      pad: types.member("kmem_cache", "red_left_pad") === undefined ? 0 : member(cache, "red_left_pad"),
    }));
    const each = function* (this: SlabFinder) {
      for (const { slabs: firsts, size, stride, pad } of shapes) {
        for (const pfn of firsts) {
          const start = pfn * this.dump.pageSize;
          const { count, end } = this.#slabAt(pfn);
          for (let i = 0; i < count; i++) {
            const paddr = start + pad + i * stride;
            if (stride < 1 || paddr + size > end) break;
            yield { paddr };
          }
        }
      }
    };
    return { size: shapes[0]?.size ?? 0, each: each.bind(this) };
  }

  #named(name: string): readonly SlabCache[] {
    this.#caches ??= this.#allCaches();
    const found = this.#caches.filter((cache) => isCache(cache, name));
    if (found.length > 0) return found;
    const { memory, symbols } = this.kernel;
    // If a cache was merged with another one of the same size, its variable points to that one.
    const variable = [name, `${name}p`].map((one) => symbols.address(one)).find((one) => one !== undefined);
    const target = variable === undefined ? undefined : memory.readWord(variable);
    const merged = this.#caches.find(({ address }) => address === target);
    if (merged !== undefined) {
      throw cannotErase(
        `the slab cache ${name} is merged with others into ${merged.name}`,
        `Name that one, if all that is in it may go: slab ${merged.name}; or the members: member TYPE.MEMBER of slab ${merged.name} where …`,
      );
    }
    throw cannotErase(
      `there is no slab cache ${name} among the ${this.#caches.length} of the kernel`,
      "Its name is that in /proc/slabinfo, or crash's kmem -s; SLUB merges caches of equal size into one",
    );
  }

  #allCaches(): readonly SlabCache[] {
    const caches = slabCaches(this.dump, this.view, this.kernel);
    if (caches !== undefined) return caches;
    const { source } = this.kernel.symbols;
    throw cannotErase(
      `the kernel has no symbol slab_caches in ${source}, and no slab page leads to its caches`,
      `Give the vmlinux with ${OPTION.vmlinux}`,
    );
  }

  /** Number of objects in the slab that begins at `pfn`, and the physical address of its end. */
  #slabAt(pfn: number): { count: number; end: number } {
    const { memMap, layout } = this.view;
    const run = structPageRun(memMap, layout.size, pfn);
    if (run === undefined) return { count: 0, end: 0 };
    const objects = readMember(this.kernel, slabType(this.kernel), run.address, "objects");
    return { count: Math.min(Number(objects ?? 0n), MAX_OBJECTS), end: (pfn + run.pages) * this.dump.pageSize };
  }

  #findSlabs(): ReadonlyMap<bigint, readonly number[]> {
    this.#slabs ??= this.#scan();
    return this.#slabs;
  }

  #scan(): ReadonlyMap<bigint, readonly number[]> {
    const slabs = new Map<bigint, number[]>();
    this.#caches ??= this.#allCaches();
    for (const { name, address } of this.#caches)
      if (this.wanted.some((one) => isCache({ name }, one))) slabs.set(address, []);
    if (slabs.size === 0) return slabs;
    scanSlabs(this.dump, this.view, this.kernel, ({ cache, pfn }) => slabs.get(cache)?.push(pfn));
    return slabs;
  }
}

/** Before 5.9 each control group has its own caches in addition to the common one, called "dentry(12:user.slice)". */
function isCache(cache: Pick<SlabCache, "name">, name: string): boolean {
  return cache.name === name || cache.name.startsWith(`${name}(`);
}
