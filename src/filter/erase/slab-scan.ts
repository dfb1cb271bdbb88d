import type { Dump } from "../../reader/dump.js";
import { readVirtual } from "../address-space.js";
import { type KernelObjects, readMember, readText, walkList } from "../debuginfo/kernel-objects.js";
import { attachSpace, type KernelView } from "../kernel-view.js";
import { createKindTeller, KIND, pageKindLayout } from "../page-kinds.js";
import { kernelVersion, parseKernelVersion } from "../version.js";

/** A slab cache: its struct kmem_cache, and its name as in /proc/slabinfo. */
export interface SlabCache {
  readonly address: bigint;
  readonly name: string;
}

/** Debian's kernels have some 200. */
const MAX_CACHES = 4096;
const MAX_NAME = 128;
/** Struct pages read at once. */
const BATCH = 512;

/** The caches in the list whose head (slab_caches) is at `head`. */
export function slabCaches(kernel: KernelObjects, head: bigint): SlabCache[] {
  const caches: SlabCache[] = [];
  for (const address of walkList(kernel, head, "kmem_cache", "list", MAX_CACHES)) {
    const at = readMember(kernel, "kmem_cache", address, "name");
    const name = at === undefined ? undefined : readText(kernel.memory, at, MAX_NAME);
    if (name !== undefined) caches.push({ address, name });
  }
  return caches;
}

/** A slab found among the struct pages. */
export interface FoundSlab {
  /** The address of its struct kmem_cache: to be looked up, for tails of slabs have other things there, or 0. */
  readonly cache: bigint;
  readonly pfn: number;
  /** Its struct slab (or struct page): the kernel's address, and the bytes, which are used again. */
  readonly address: bigint;
  readonly bytes: DataView;
  readonly at: number;
  /** Bytes from its begin to the end of the memory that it is in. */
  readonly room: number;
}

/** Tells of all slabs, in the order of their pages: all struct pages are read, about 60 ns a page. */
export function scanSlabs(
  { pageSize, machine, memory, vmcoreinfo }: Dump,
  { memMap, layout, utsname, space: image }: KernelView,
  kernel: KernelObjects,
  found: (slab: FoundSlab) => void,
): void {
  const member = kernel.types.member(slabType(kernel), "slab_cache");
  if (member === undefined || vmcoreinfo === undefined) return;
  const version = parseKernelVersion(utsname.release) ?? kernelVersion(5, 0);
  const teller = createKindTeller(pageKindLayout(vmcoreinfo, layout, version));
  const space = attachSpace(image, memory);
  const batch = new Uint8Array(BATCH * layout.size);
  const bytes = new DataView(batch.buffer);
  for (let range = 0; range < memMap.count; range++) {
    const end = memMap.endPfn[range] as number;
    const first = memMap.startPfn[range] as number;
    for (let pfn = first; pfn < end; ) {
      const wanted = batch.subarray(0, Math.min(BATCH, end - pfn) * layout.size);
      const address = (memMap.address[range] as bigint) + BigInt(pfn - first) * BigInt(layout.size);
      const got = Math.floor(readVirtual(space, memory, wanted, address) / layout.size);
      for (let i = 0; i < got; i++) {
        const at = i * layout.size;
        if (teller.kindAt(bytes, at, false) !== KIND.slab) continue;
        const cache =
          machine.wordSize === 8
            ? bytes.getBigUint64(at + member.offset, machine.littleEndian)
            : BigInt(bytes.getUint32(at + member.offset, machine.littleEndian));
        found({ cache, pfn: pfn + i, address: address + BigInt(at), bytes, at, room: (end - pfn - i) * pageSize });
      }
      // Where the array has a hole it goes on with the next page of memory.
      const hole = Math.ceil(
        (pageSize - Number((address + BigInt(got * layout.size)) % BigInt(pageSize))) / layout.size,
      );
      pfn += got * layout.size < wanted.length ? got + Math.max(1, hole) : got;
    }
  }
}

/** struct slab lies over struct page since 5.17. */
export function slabType({ types }: KernelObjects): string {
  return types.member("struct slab", "slab_cache") === undefined ? "struct page" : "struct slab";
}
