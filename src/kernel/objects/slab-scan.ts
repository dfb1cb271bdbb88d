import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import { readVirtual } from "../address-space.js";
import type { KernelMember } from "../debuginfo/kernel-types.js";
import { attachSpace, type KernelView } from "../kernel-view.js";
import { structPageIn, structPagesInHole } from "../page/mem-map.js";
import { pageFactsReader } from "../page/page-facts.js";
import { type KernelObjects, memberAddress, readMember, readText, walkList } from "./kernel-objects.js";

/** A slab cache: its struct kmem_cache, and its name as in /proc/slabinfo. */
export interface SlabCache {
  readonly address: bigint;
  readonly name: string;
}

/** Debian's kernels have some 200. */
const MAX_CACHES = 4096;
const MAX_NAME = 128;
/** The most bytes of an object: KMALLOC_MAX_CACHE_SIZE is 2 pages, objects of other caches fit into 8. */
const MAX_SIZE = 1n << 22n;
/** The most slab pages whose cache is looked up: tails of slabs may name none. */
const MAX_TRIES = 4096;
/** Struct pages that are read at once: 128 KiB. */
const BATCH = 2048;

/**
 * All slab caches. Their list begins at slab_caches; kernels without CONFIG_KALLSYMS_ALL (Debian's for arm64, i386,
 * ppc64el) do not say where that is. There the first slab page that names its cache leads into the list, at another
 * place. `undefined` if no list is found.
 */
export function slabCaches(dump: Dump, view: KernelView, kernel: KernelObjects): SlabCache[] | undefined {
  const head = kernel.symbols.address("slab_caches");
  const caches: SlabCache[] = [];
  const add = (address: bigint) => {
    const name = cacheName(kernel, address);
    if (name !== undefined) caches.push({ address, name });
  };
  if (head !== undefined) {
    for (const address of walkList(kernel, head, "kmem_cache", "list", MAX_CACHES)) add(address);
    return caches;
  }
  let left = MAX_TRIES;
  scanSlabs(dump, view, kernel, ({ cache }) => {
    const list = memberAddress(kernel, "kmem_cache", cache, "list");
    if (list === undefined || left-- === 0) return true;
    const next = kernel.memory.isKernelAddress(cache) ? kernel.memory.readWord(list) : undefined;
    if (next === undefined || kernel.memory.readWord(next + BigInt(kernel.memory.wordSize)) !== list) return false;
    if (cacheName(kernel, cache) === undefined) return false;
    add(cache);
    // The walk also passes the list's head, which lies in no cache: `cacheName` finds no name there, so it is left out.
    for (const address of walkList(kernel, list, "kmem_cache", "list", MAX_CACHES)) add(address);
    return true;
  });
  return caches.length === 0 ? undefined : caches;
}

/** The name of the cache at `address`; `undefined` if no cache is there: a cache has a size and a printable name. */
export function cacheName(kernel: KernelObjects, address: bigint): string | undefined {
  const read = (path: string) => readMember(kernel, "kmem_cache", address, path) ?? 0n;
  const at = read("name");
  if (!kernel.memory.isKernelAddress(at)) return undefined;
  const size = kernel.types.member("kmem_cache", "size") === undefined ? 1n : read("size");
  const name = size === 0n || size > MAX_SIZE ? undefined : readText(kernel.memory, at, MAX_NAME);
  return name !== undefined && /^[!-~][ -~]*$/.test(name) ? name : undefined;
}

/** A slab that `scanSlabs` found among the struct pages. */
export interface FoundSlab {
  /** The address of its struct kmem_cache, not checked: tails of slabs have other data there, or 0. */
  readonly cache: bigint;
  readonly pfn: number;
  /**
   * Its struct slab (or struct page): the kernel's address, and its bytes from `at` on. The buffer is reused for the
   * next slabs.
   */
  readonly address: bigint;
  readonly bytes: DataView;
  readonly at: number;
  /** Bytes from its begin to the end of the memory range that it is in. */
  readonly room: number;
}

/**
 * Calls `found` with all slabs in the order of their pages until it returns true. Reads all struct pages, about 40 ns a
 * page. `near` says whether the caller wants slabs that begin in pages [startPfn, endPfn).
 */
export function scanSlabs(
  { pageSize, machine, memory }: Dump,
  { memMap, layout, space: image }: KernelView,
  kernel: KernelObjects,
  found: (slab: FoundSlab) => unknown,
  near: (startPfn: number, endPfn: number) => boolean = () => true,
): void {
  const member = slabMember(kernel, layout, "slab_cache");
  if (member === undefined) return;
  const reader = pageFactsReader(layout);
  const slabs = new Uint32Array(BATCH);
  const space = attachSpace(image, memory);
  const batch = new Uint8Array(BATCH * layout.size);
  const bytes = new DataView(batch.buffer);
  for (let range = 0; range < memMap.count; range++) {
    const end = memMap.endPfn[range] as number;
    for (let pfn = memMap.startPfn[range] as number; pfn < end; ) {
      const structs = Math.min(BATCH, end - pfn);
      if (!near(pfn, pfn + structs)) {
        pfn += structs;
        continue;
      }
      const wanted = batch.subarray(0, structs * layout.size);
      const address = structPageIn(memMap, layout.size, range, pfn);
      const got = Math.floor(readVirtual(space, memory, wanted, address) / layout.size);
      const count = reader.slabsIn(bytes, got, slabs);
      for (let n = 0; n < count; n++) {
        const i = slabs[n] as number;
        const at = i * layout.size;
        const cache = wordAt(bytes, at + member.offset, machine.wordSize, machine.littleEndian);
        const slab = {
          cache,
          pfn: pfn + i,
          address: address + BigInt(at),
          bytes,
          at,
          room: (end - pfn - i) * pageSize,
        };
        if (found(slab) === true) return;
      }
      // Where the array has a hole, it continues with the next page of memory.
      const hole = structPagesInHole(address + BigInt(got * layout.size), pageSize, layout.size);
      pfn += got * layout.size < wanted.length ? got + hole : got;
    }
  }
}

/** A member of struct slab, which lies in a struct page. */
export function slabMember(
  kernel: KernelObjects,
  { size }: Pick<KernelView["layout"], "size">,
  name: string,
): KernelMember | undefined {
  const member = kernel.types.member(slabType(kernel), name);
  return member !== undefined && member.offset + member.size <= size ? member : undefined;
}

/** Since 5.17 struct slab overlays struct page. */
export function slabType({ types }: KernelObjects): string {
  return types.member("struct slab", "slab_cache") === undefined ? "struct page" : "struct slab";
}
