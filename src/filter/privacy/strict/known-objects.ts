import type { AddressSpace } from "../../../kernel/address-space.js";
import type { KernelObjects } from "../../../kernel/objects/kernel-objects.js";
import type { CacheShape, Slab } from "../../../kernel/objects/slab-walk.js";
import { typeOfObjects } from "../type-holes.js";
import { RecordList } from "./record-list.js";
import { type ObjectShape, type StrictPages, TESTED } from "./strict-pages.js";
import { objectShape, type ShapeRequest } from "./type-shape.js";
import { withinSlabs } from "./within-slabs.js";

const MAX_FREE_BYTES = 2 ** 31;

/** The objects whose bytes `--privacy strict` knows: objects in slabs, and single ones elsewhere. */
export class KnownObjects {
  readonly #space: AddressSpace;
  readonly #kernel: KernelObjects;
  /** Names of members, by type, that are kept although they are text. */
  readonly #keep: Readonly<Record<string, readonly string[]>>;
  readonly #shapes: ObjectShape[] = [];
  readonly #ofCache = new Map<CacheShape, number | undefined>();
  /** Shapes of single objects, by type and length, and of pieces of them. */
  readonly #whole = new Map<string, ObjectShape>();
  readonly #ofType = new Map<string, number>();
  readonly #slabs = new RecordList();
  readonly #single = new RecordList();
  #free = new Uint8Array(1 << 16);
  #freeLength = 0;
  /** Number of caches with a known type of objects, and of others. */
  readonly counts = { typed: 0, untyped: 0 };

  constructor(space: AddressSpace, kernel: KernelObjects, keep: Readonly<Record<string, readonly string[]>>) {
    this.#space = space;
    this.#kernel = kernel;
    this.#keep = keep;
  }

  /** Adds a slab. If its free objects are not known, it is left to the test of words. */
  slab({ cache, start, count, free }: Slab): void {
    const { wordSize } = this.#kernel.memory;
    if (start % wordSize !== 0 || cache.stride % wordSize !== 0) return;
    if (!this.#ofCache.has(cache)) this.#ofCache.set(cache, this.#cacheShape(cache));
    const shape = this.#ofCache.get(cache);
    if (free === undefined) this.#slabs.add({ start, stride: cache.stride, count, shape: TESTED, free: -1 });
    else if (shape !== undefined)
      this.#slabs.add({ start, stride: cache.stride, count, shape, free: this.#addFree(free) });
  }

  /** Adds an object of a type at an address, with `length` bytes; bytes behind the type's belong to something else. */
  object(type: string, address: bigint, length?: number): void {
    const size = this.#kernel.types.sizeOf(type);
    const bytes = length ?? size;
    if (size === undefined || bytes === undefined || bytes <= 0) return;
    const { wordSize } = this.#kernel.memory;
    let first: number | undefined;
    for (let done = 0; done < bytes; ) {
      const place = this.#space.translate(address + BigInt(done));
      if (place === undefined || place.paddr % wordSize !== 0) return;
      first ??= place.paddr;
      const before = place.paddr === first + done ? done : 0;
      const length = Math.min(place.length, bytes - done);
      const shape = this.#pieceOf(type, bytes, done, length);
      this.#single.add({ start: place.paddr, stride: length, count: 1, shape, free: -1, before });
      done += length;
    }
  }

  /** The shape for a piece of a type's objects, because an object may be in several pages of memory. */
  #pieceOf(type: string, bytes: number, from: number, length: number): number {
    const key = `${type} ${bytes} ${from} ${length}`;
    let known = this.#ofType.get(key);
    if (known === undefined) {
      const { mask, words, link } = this.#wholeShape(type, bytes);
      const { wordSize } = this.#kernel.memory;
      const [first, end] = [from / wordSize, (from + length) / wordSize];
      known =
        this.#shapes.push({ mask: mask.subarray(from, from + length), words: words.subarray(first, end), link }) - 1;
      this.#ofType.set(key, known);
    }
    return known;
  }

  #wholeShape(type: string, bytes: number): ObjectShape {
    const key = `${type} ${bytes}`;
    let shape = this.#whole.get(key);
    if (shape === undefined) {
      shape = objectShape(this.#request(type, bytes, -1));
      this.#whole.set(key, shape);
    }
    return shape;
  }

  /** Keeps bytes from an address on unchanged. */
  keep(address: bigint, length: number): void {
    for (let done = 0; done < length; ) {
      const place = this.#space.translate(address + BigInt(done));
      if (place === undefined) return;
      const bytes = Math.min(place.length, length - done);
      this.#single.keep(place.paddr, bytes);
      done += bytes;
    }
  }

  end(): Pick<StrictPages, "shapes" | "masks" | "kinds" | "objects" | "free"> & { readonly cut: boolean } {
    const free = new Uint8Array(new SharedArrayBuffer(this.#freeLength));
    free.set(this.#free.subarray(0, this.#freeLength));
    const slabs = this.#slabs.records();
    return {
      ...packed(this.#shapes, this.#kernel.memory.wordSize),
      objects: [slabs, this.#single.records(withinSlabs(slabs, free))],
      free,
      cut: this.#slabs.cut || this.#single.cut,
    };
  }

  #cacheShape(cache: CacheShape): number | undefined {
    const { stride, freelist } = cache;
    const type = typeOfObjects(this.#kernel, cache);
    const request = type === undefined ? undefined : this.#request(type, stride, freelist.offset);
    this.counts[request?.type === undefined ? "untyped" : "typed"]++;
    return this.#add(request ?? { length: stride, link: freelist.offset, wordSize: this.#kernel.memory.wordSize });
  }

  #request(type: string, length: number, link: number): ShapeRequest {
    const { types, memory } = this.#kernel;
    const scalars = types.scalars(type);
    const size = types.sizeOf(type);
    const name = type.replace(/^struct /, "");
    return {
      ...{ length, link, wordSize: memory.wordSize, keep: this.#keep[name] ?? [] },
      type: scalars === undefined || size === undefined ? undefined : { scalars, size },
      plain: name === "kmem_cache",
    };
  }

  #add(request: ShapeRequest): number {
    return this.#shapes.push(objectShape(request)) - 1;
  }

  #addFree(free: Uint8Array): number {
    if (free.every((state) => state === 0)) return -1;
    const at = this.#freeLength;
    if (at + free.length > MAX_FREE_BYTES) return -1;
    if (at + free.length > this.#free.length) {
      const more = new Uint8Array(Math.max(this.#free.length * 2, at + free.length));
      more.set(this.#free);
      this.#free = more;
    }
    this.#free.set(free, at);
    this.#freeLength += free.length;
    return at;
  }
}

/** All shapes, one behind the other, in shared memory. */
function packed(shapes: readonly ObjectShape[], wordSize: number): Pick<StrictPages, "shapes" | "masks" | "kinds"> {
  const length = shapes.reduce((sum, { mask }) => sum + mask.length, 0);
  const masks = new Uint8Array(new SharedArrayBuffer(length));
  const kinds = new Uint8Array(new SharedArrayBuffer(length / wordSize));
  let at = 0;
  const places = shapes.map(({ mask, words, link }) => {
    masks.set(mask, at);
    kinds.set(words, at / wordSize);
    const place = { at, length: mask.length, link };
    at += mask.length;
    return place;
  });
  return { shapes: places, masks, kinds };
}
