import type { AddressSpace } from "../../kernel/address-space.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import type { CacheShape, Slab, SlabWalk } from "../../kernel/objects/slab-walk.js";
import type { Dump } from "../../reader/dump.js";
import { physicalData, skbReader, type WantedData } from "./socket-buffers.js";
import { spareHeads } from "./spare-heads.js";
import { isMerged } from "./type-holes.js";

/** The most socket buffers. */
const MAX_BUFFERS = 1 << 20;
/** The most bytes of an object of which one is a part. */
const MAX_OBJECT = 1 << 16;

/**
 * Socket buffers in slabs, only in those whose free objects are known, and none that a CPU keeps for later: a freed one
 * points to somebody else's data.
 */
export class SlabSockets {
  readonly buffers: WantedData[] = [];
  /** There were more than can be remembered. */
  cut = false;
  readonly #dump: Dump;
  readonly #space: AddressSpace;
  readonly #kernel: KernelObjects;
  readonly #caches: SlabWalk["caches"];
  readonly #skb: ReturnType<typeof skbReader>;
  readonly #spareHeads: ReadonlySet<number>;
  readonly #places = new Map<CacheShape, readonly number[]>();
  #names: ReadonlySet<string> | undefined;

  constructor(dump: Dump, space: AddressSpace, kernel: KernelObjects, caches: SlabWalk["caches"]) {
    this.#dump = dump;
    this.#space = space;
    this.#kernel = kernel;
    this.#caches = caches;
    this.#skb = skbReader(kernel.types, dump.machine.wordSize, dump.machine.littleEndian);
    this.#spareHeads = spareHeads(space, kernel);
    if (this.#skb === undefined && hasNetwork(kernel)) kernel.incomplete?.();
  }

  has(cache: CacheShape): boolean {
    return this.#placesIn(cache).length > 0;
  }

  look({ cache, start, count, free }: Slab): void {
    const reader = this.#skb;
    if (reader === undefined || free === undefined) return;
    for (let i = 0; i < count; i++) {
      const at = start + i * cache.stride;
      const bytes = free[i] ? undefined : this.#read(at, cache.objectSize);
      for (const place of bytes === undefined ? [] : this.#placesIn(cache)) {
        if (this.#spareHeads.has(at + place)) continue;
        const data = reader.dataOf(bytes as DataView, place);
        const found = data && physicalData(this.#space, data.head, data.length);
        const shared = found && this.#read(found.start + found.length, reader.sharedSize);
        const behind = shared && reader.sharedLength(shared);
        if (found === undefined || behind === undefined) continue;
        if (this.buffers.length < MAX_BUFFERS) this.buffers.push({ ...found, behind });
        else this.cut = true;
      }
    }
  }

  /** Where objects of a cache contain a struct sk_buff. */
  #placesIn(cache: CacheShape): readonly number[] {
    let places = this.#places.get(cache);
    if (places === undefined) {
      this.#names ??= new Set([...this.#caches.values()].map(({ name }) => name));
      places = this.#skb?.places(cache, this.#names, () => isMerged(this.#kernel, cache.address)) ?? [];
      this.#places.set(cache, places);
    }
    return places;
  }

  #read(at: number, length: number): DataView | undefined {
    if (length > MAX_OBJECT) return undefined;
    const bytes = new Uint8Array(length);
    return this.#dump.memory.read(bytes, at) === length ? new DataView(bytes.buffer) : undefined;
  }
}

/** Whether the kernel has a network, as far as symbols say: a small one may have none (CONFIG_NET). */
const hasNetwork = ({ symbols }: KernelObjects) =>
  symbols.address("__alloc_skb") !== undefined || symbols.address("init_task") === undefined;
