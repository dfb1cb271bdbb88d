import { firstIndex } from "../../sorted.js";
import type { AddressSpace } from "../address-space.js";
import { type KernelObjects, readInteger, readMember, walkList } from "./kernel-objects.js";
import { perCpuAddress, possibleCpus } from "./per-cpu.js";

/** Physical addresses of objects that lie in sheaves, ascending. */
export interface SheafObjects {
  readonly addresses: Float64Array;
  /** Sheaves that could not be read or that belong to no cache. */
  readonly broken: number;
  readonly cut: boolean;
}

/** A sheaf that fills a page has some 500 objects; the kernel makes them with up to 120 or so. */
const MAX_OBJECTS = 1 << 15;
/** 64 MiB. 1024 CPUs with 200 caches have some 20 million objects in sheaves at most, and mostly a tenth of that. */
const MAX_ADDRESSES = 1 << 23;
/** The most full sheaves of a node that are read (MAX_FULL_SHEAVES is 10). */
const MAX_FULL = 1 << 12;
const MAX_NODES = 1024;

/**
 * The free objects that caches keep in sheaves since 6.18. A sheaf is an array of pointers. Each CPU has some (`main`,
 * `spare`, and `rcu_free`, whose objects were freed and wait for readers), and so has each node (the full ones of its
 * `node_barn`). To their slab these objects count as in use, and they are on no free list. Empty for kernels without
 * sheaves; `undefined` where there are sheaves but the symbols do not say where the CPUs' are.
 */
export function sheafObjects(
  space: AddressSpace,
  kernel: KernelObjects,
  caches: Iterable<bigint>,
): SheafObjects | undefined {
  if (kernel.types.member("kmem_cache", "cpu_sheaves") === undefined) return NONE;
  const cpus = possibleCpus(kernel);
  if (cpus === undefined) return undefined;
  const sheaves = new Sheaves(space, kernel);
  const nodes = nodeCount(kernel);
  for (const cache of caches) {
    const ofCpus = readMember(kernel, "kmem_cache", cache, "cpu_sheaves");
    for (const cpu of ofCpus ? cpus : []) {
      const own = perCpuAddress(kernel, ofCpus as bigint, cpu);
      if (own === undefined) continue;
      for (const name of ["main", "spare", "rcu_free"]) {
        const sheaf = readMember(kernel, "slub_percpu_sheaves", own, name);
        if (sheaf) sheaves.add(sheaf, cache);
      }
    }
    for (let node = 0; node < nodes; node++) {
      const barn = barnOf(kernel, cache, node);
      const list = barn && kernel.types.member("node_barn", "sheaves_full");
      if (!barn || !list) continue;
      const walk = walkList(kernel, barn + BigInt(list.offset), "slab_sheaf", "barn_list", MAX_FULL);
      let next = walk.next();
      for (; !next.done; next = walk.next()) sheaves.add(next.value, cache);
      if (next.value !== "end") sheaves.broken++;
    }
  }
  return sheaves.end();
}

const NONE: SheafObjects = { addresses: new Float64Array(0), broken: 0, cut: false };

/** The number of nodes that a cache has places for (nr_node_ids); 1 where the symbols do not say. */
function nodeCount({ memory, symbols }: KernelObjects): number {
  const at = symbols.address("nr_node_ids");
  const value = at === undefined ? undefined : readInteger(memory, at, 4);
  return Math.min(Number(value ?? 1n), MAX_NODES);
}

/** The barn of a node: a member of struct kmem_cache since 7.1, of its struct kmem_cache_node before. */
function barnOf(kernel: KernelObjects, cache: bigint, node: number): bigint | undefined {
  const direct = kernel.types.member("kmem_cache", `per_node[${node}].barn`);
  if (direct !== undefined) return readMember(kernel, "kmem_cache", cache, `per_node[${node}].barn`);
  const own = readMember(kernel, "kmem_cache", cache, `node[${node}]`);
  return own ? readMember(kernel, "kmem_cache_node", own, "barn") : undefined;
}

class Sheaves {
  broken = 0;
  #cut = false;
  #addresses = new Float64Array(1024);
  #count = 0;

  constructor(
    private readonly space: AddressSpace,
    private readonly kernel: KernelObjects,
  ) {}

  add(sheaf: bigint, cache: bigint): void {
    const { memory, types } = this.kernel;
    const objects = types.member("slab_sheaf", "objects");
    const size = readMember(this.kernel, "slab_sheaf", sheaf, "size");
    if (objects === undefined || size === undefined || size > BigInt(MAX_OBJECTS)) {
      this.broken++;
      return;
    }
    // The sheaf that stands for all caches without sheaves is empty, and belongs to no cache.
    if (size === 0n) return;
    const { wordSize, littleEndian } = memory;
    const length = Number(size) * wordSize;
    const view =
      readMember(this.kernel, "slab_sheaf", sheaf, "cache") === cache
        ? memory.readView(sheaf + BigInt(objects.offset), length)
        : undefined;
    if (view === undefined) {
      this.broken++;
      return;
    }
    for (let at = 0; at < length; at += wordSize) {
      const object = wordSize === 8 ? view.getBigUint64(at, littleEndian) : BigInt(view.getUint32(at, littleEndian));
      const place = memory.isKernelAddress(object) ? this.space.translate(object) : undefined;
      if (place === undefined) this.broken++;
      else this.#push(place.paddr);
    }
  }

  #push(paddr: number): void {
    if (this.#count >= MAX_ADDRESSES) {
      this.#cut = true;
      return;
    }
    if (this.#count === this.#addresses.length) {
      const more = new Float64Array(this.#count * 2);
      more.set(this.#addresses);
      this.#addresses = more;
    }
    this.#addresses[this.#count++] = paddr;
  }

  end(): SheafObjects {
    return { addresses: this.#addresses.subarray(0, this.#count).sort(), broken: this.broken, cut: this.#cut };
  }
}

/**
 * Marks with `mark` the objects of a slab that lie in sheaves: `count` objects from `start` on, `stride` bytes apart.
 * Returns false if the slab contradicts the sheaves: an address inside an object, or of an object that the slab's own
 * lists have as free.
 */
export function markSheafObjects(
  { addresses }: SheafObjects,
  { start, count, stride }: { readonly start: number; readonly count: number; readonly stride: number },
  free: Uint8Array,
  mark: number,
): boolean {
  const end = start + count * stride;
  for (
    let i = firstIndex(addresses.length, (k) => (addresses[k] as number) >= start);
    i < addresses.length && (addresses[i] as number) < end;
    i++
  ) {
    const index = ((addresses[i] as number) - start) / stride;
    if (!Number.isInteger(index) || free[index] !== 0) return false;
    free[index] = mark;
  }
  return true;
}
