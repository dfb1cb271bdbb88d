import type { CacheShape, Slab } from "../../kernel/objects/slab-walk.js";
import { type EraseSpans, MAX_SPANS, RepeatedSpans } from "../erase/spans.js";
import { type Hole, MAX_HOLES } from "./type-holes.js";

/** Bytes that belong to no object of a slab: [from, to) of each stride, and behind the last object. */
export interface SlabPadding {
  /** Pieces behind each object, in bytes from its start. */
  readonly pieces: readonly (readonly [from: number, to: number])[];
  /** Physical addresses [start, end). */
  readonly tails: readonly (readonly [start: number, end: number])[];
}

/**
 * The most pieces of a gap: it may contain the link to the next free object, and a pointer to the cgroup that is
 * charged for the object.
 */
const LAYERS = 3;

/**
 * The bytes of a slab that are in no object, without the allocator's own data: the link to the next free object (caches
 * with a constructor, or whose objects RCU readers may still read), and since 7.0 the slab's array of `slabobj_ext`,
 * behind the last object or one in each stride. Empty for slabs of caches that are being debugged (red zones, poison,
 * owners): the allocator writes their padding when they are made, and debuggers need it.
 */
export function slabPadding({ cache, start, count, end, extensions }: Slab): SlabPadding {
  if (cache.debugged) return { pieces: [], tails: [] };
  const { stride, objectSize, freelist } = cache;
  const holes: [number, number][] = [];
  if (freelist.offset + freelist.wordSize > objectSize)
    holes.push([freelist.offset, freelist.offset + freelist.wordSize]);
  const objectsEnd = start + count * stride;
  let tails: (readonly [number, number])[] = [[objectsEnd, end]];
  if (extensions !== undefined && extensions.start >= objectsEnd) {
    tails = without([objectsEnd, end], [[extensions.start, extensions.start + count * extensions.size]]);
  } else if (extensions !== undefined) {
    const at = (extensions.start - start) % stride;
    if (at + extensions.size > objectSize) holes.push([at, at + extensions.size]);
  }
  return { pieces: without([objectSize, stride], holes), tails: tails.filter(([from, to]) => to > from) };
}

/** The parts of a range outside of some others. */
function without(
  [from, to]: readonly [number, number],
  holes: readonly (readonly [number, number])[],
): (readonly [number, number])[] {
  const left: (readonly [number, number])[] = [];
  let at = from;
  for (const [start, end] of [...holes].sort((a, b) => a[0] - b[0])) {
    if (start > at) left.push([at, Math.min(start, to)]);
    at = Math.max(at, end);
  }
  if (at < to) left.push([at, to]);
  return left;
}

/** The padding of all slabs: one record per slab and piece, for any number of objects. */
export class PaddingList {
  /** The pieces of each cache whose slabs have no array of their own. */
  readonly #pieces = new Map<CacheShape, readonly Hole[]>();
  readonly #layers = Array.from({ length: LAYERS + MAX_HOLES }, () => new RepeatedSpans());
  /** Number of slabs with padding. */
  slabs = 0;
  /** There was more than can be remembered. */
  cut = false;

  /** `holes`: bytes that no member of the objects' type covers. */
  add(slab: Slab, holes: readonly Hole[] = []): void {
    const { cache, start, count, extensions } = slab;
    if (cache.debugged) return;
    const objectsEnd = start + count * cache.stride;
    let pieces = extensions === undefined ? this.#pieces.get(cache) : undefined;
    let tails: SlabPadding["tails"] = slab.end > objectsEnd ? [[objectsEnd, slab.end]] : [];
    if (pieces === undefined) {
      const padding = slabPadding(slab);
      pieces = [...padding.pieces, ...holes];
      tails = padding.tails;
      if (extensions === undefined) this.#pieces.set(cache, pieces);
    }
    if (pieces.length + tails.length === 0) return;
    this.slabs++;
    pieces.forEach(([from, to], i) => {
      this.#add(i, start + from, to - from, cache.stride, count);
    });
    for (const [from, to] of tails) this.#add(0, from, to - from, to - from, 1);
  }

  #add(layer: number, start: number, length: number, every: number, count: number): void {
    const spans = this.#layers[layer] as RepeatedSpans;
    if (spans.count < MAX_SPANS) spans.add(start, length, every, count);
    else this.cut = true;
  }

  /** The spans that the threads fill with zeros. */
  spans(): EraseSpans[] {
    return this.#layers.flatMap((layer) => layer.spans(0));
  }
}
