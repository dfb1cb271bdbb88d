import type { Dump } from "../../reader/dump.js";
import { wordAt } from "../../reader/fields.js";
import { firstIndex } from "../../sorted.js";
import type { AddressSpace } from "../address-space.js";
import type { KernelMember } from "../debuginfo/kernel-types.js";
import type { KernelView } from "../kernel-view.js";
import { type FreelistForm, freeObjects } from "./freelist.js";
import { type GuardedObjects, guardedObjects } from "./guarded-objects.js";
import { type KernelObjects, readMember } from "./kernel-objects.js";
import { perCpuAddress, possibleCpus } from "./per-cpu.js";
import { markSheafObjects, type SheafObjects, sheafObjects } from "./sheaves.js";
import { type FoundSlab, type SlabCache, scanSlabs, slabCaches, slabMember } from "./slab-scan.js";

/** A cache and the shape of its slabs, in bytes. */
export interface CacheShape extends SlabCache {
  /** `stride`: from one object to the next. `objectSize`: the part of an object that its user may write. */
  readonly stride: number;
  readonly objectSize: number;
  /** Before the first object: SLUB's left red zone. */
  readonly pad: number;
  readonly freelist: FreelistForm;
  /** The allocator writes red zones, poison or owners around objects. */
  readonly debugged: boolean;
  /** Pages and objects of its slabs: the usual form, and the form for when memory is short. */
  readonly forms: readonly { readonly order: number; readonly objects: number }[];
}

/** One slab, and which of its objects are free. */
export interface Slab {
  readonly cache: CacheShape;
  /** Physical address of its first object. */
  readonly start: number;
  readonly count: number;
  /** Address of the end of its last page. */
  readonly end: number;
  /**
   * Its own array of struct slabobj_ext (7.0 and later), if that lies in the slab: address of the first, bytes of each.
   */
  readonly extensions: { readonly start: number; readonly size: number } | undefined;
  /**
   * 1 for each object on a list of free ones, `IN_SHEAF` for objects in sheaves of CPUs and nodes, 0 for those in use;
   * `undefined` if the free lists could not be followed to their ends.
   */
  readonly free: Uint8Array | undefined;
}

/** A free object that only a sheaf knows (6.18 and later). */
export const IN_SHEAF = 2;

/** Objects of one slab: 15 bits of struct slab. */
const MAX_OBJECTS = 1 << 15;
/** Bytes of a slab, at most: 2^15 objects in 1 MiB, and the kernel's own limit is 32 KiB for most caches. */
export const MAX_SLAB = 4 << 20;

/** Walks through all slabs of a kernel with SLUB. */
export interface SlabWalk {
  readonly caches: ReadonlyMap<bigint, CacheShape>;
  /** Whether the CPUs' own lists of free objects were all found; that needs the symbols of variables. */
  readonly cpuLists: boolean;
  /**
   * Whether all sheaves were found, in which CPUs and nodes keep free objects since 6.18; and how many could not be
   * read.
   */
  readonly sheaves: { readonly found: boolean; readonly broken: number };
  /** Objects that KFENCE took instead of the allocator: `each` also finds those in use. */
  readonly guarded: GuardedObjects | "none" | undefined;
  /**
   * Calls `use` with each slab that has an object. Takes 40 ns a page of the machine, and 1 us a free object. With
   * `places` (physical addresses, ascending) only with slabs that may contain one of them, and with some others. Returns
   * how many slabs it passed over: of no cache that is known, or with numbers that cannot be.
   */
  each(use: (slab: Slab) => void, places?: readonly number[]): number;
}

/** Makes a `SlabWalk`; `undefined` where types or symbols show no SLUB allocator. */
export function slabWalk(
  dump: Dump,
  view: KernelView,
  space: AddressSpace,
  kernel: KernelObjects,
): SlabWalk | undefined {
  const { types } = kernel;
  const [freelist, inuse, objects] = ["freelist", "inuse", "objects"].map((name) =>
    slabMember(kernel, view.layout, name),
  );
  if (freelist === undefined || inuse === undefined || objects === undefined) return undefined;
  if (types.member("kmem_cache", "object_size") === undefined || types.member("kmem_cache", "oo") === undefined)
    return undefined;
  const named = slabCaches(dump, view, kernel);
  if (named === undefined) return undefined;
  const caches = new Map<bigint, CacheShape>();
  /** Heads of the CPUs' own lists, by the address of the struct slab that they belong to. */
  const ofCpus = new Map<bigint, bigint[]>();
  const cpus = possibleCpus(kernel) ?? [];
  const ownerOf = slabOwner(kernel, view.layout);
  const lists = { cut: false };
  for (const cache of named) {
    const shape = shapeOf(kernel, cache);
    if (shape !== undefined) caches.set(cache.address, shape);
    for (const list of cpuLists(kernel, cache, cpus, ownerOf)) {
      if (list === undefined) lists.cut = true;
      else ofCpus.set(list.slab, [...(ofCpus.get(list.slab) ?? []), list.first]);
    }
  }
  const { memory, pageSize } = dump;
  const { littleEndian, wordSize } = dump.machine;
  const takesLists = types.member("kmem_cache", "cpu_slab") !== undefined;
  const sheaves = sheafObjects(space, kernel, caches.keys());
  const guarded = guardedObjects(space, kernel, dump);
  const pool = guarded === "none" ? undefined : guarded;
  const extensionsOf = slabExtensions(dump, space, kernel, view.layout);
  return {
    caches,
    cpuLists: !takesLists || (cpus.length > 0 && !lists.cut),
    sheaves: { found: sheaves !== undefined && !sheaves.cut, broken: sheaves?.broken ?? 0 },
    guarded,
    each(use, places) {
      let passedOver = 0;
      // Of one slab after the other.
      let room = new Uint8Array(1 << 15);
      const near =
        places && ((from: number, to: number) => hasBetween(places, from * pageSize, to * pageSize + MAX_SLAB));
      const look = ({ cache: address, pfn, address: struct, bytes, at, room: most }: FoundSlab) => {
        const cache = caches.get(address);
        const isGuarded = pool !== undefined && pfn >= pool.startPfn && pfn < pool.endPfn;
        if (cache === undefined) {
          if (!isGuarded) passedOver++;
          return;
        }
        if (isGuarded) {
          const start = pool.used.get(pfn)?.start;
          const one = { cache, count: 1, extensions: undefined, free: new Uint8Array(1) };
          if (start !== undefined) use({ ...one, start, end: start + cache.stride });
          return;
        }
        const count = Math.min(bitsOf(bytes, at, objects, littleEndian), MAX_OBJECTS);
        const used = bitsOf(bytes, at, inuse, littleEndian);
        const size = cache.pad + count * cache.stride;
        if (count < 1 || used > count || size > Math.min(most, MAX_SLAB)) {
          passedOver++;
          return;
        }
        const start = pfn * pageSize + cache.pad;
        const form = cache.forms.find((one) => one.objects === count);
        const pages = form === undefined ? Math.ceil(size / pageSize) : 2 ** form.order;
        const end = pfn * pageSize + Math.min(Math.max(pages * pageSize, size), most);
        const shape = { cache, start, count, end, extensions: extensionsOf(bytes, at, pfn * pageSize, end) };
        const first = wordAt(bytes, at + freelist.offset, wordSize, littleEndian);
        const lists = ofCpus.get(struct) ?? [];
        if (first === 0n && lists.length === 0) {
          const none = used === count ? new Uint8Array(count) : undefined;
          use({ ...shape, free: withSheaves(sheaves, shape, none) });
          return;
        }
        const length = size - cache.pad;
        if (room.length < length) room = new Uint8Array(length);
        const content = room.subarray(0, length);
        const whole = memory.read(content, start) === length;
        const data = new DataView(content.buffer, 0, length);
        const free = whole
          ? freeObjects(
              { data, start, count, stride: cache.stride },
              { own: first, expected: count - used, others: lists },
              space,
              cache.freelist,
            )
          : undefined;
        use({ ...shape, free: withSheaves(sheaves, shape, free) });
      };
      scanSlabs(dump, view, kernel, look, near);
      return passedOver;
    },
  };
}

/** Whether one of the numbers, which are ascending, is in [from, to]. */
function hasBetween(numbers: readonly number[], from: number, to: number): boolean {
  const first = numbers[firstIndex(numbers.length, (i) => (numbers[i] as number) >= from)];
  return first !== undefined && first <= to;
}

/**
 * Which objects of a slab are free, including those in sheaves; `undefined` if the slab's lists and the sheaves
 * contradict each other.
 */
function withSheaves(
  sheaves: SheafObjects | undefined,
  { cache, start, count }: Pick<Slab, "cache" | "start" | "count">,
  free: Uint8Array | undefined,
): Uint8Array | undefined {
  if (free === undefined || sheaves === undefined) return free;
  return markSheafObjects(sheaves, { start, count, stride: cache.stride }, free, IN_SHEAF) ? free : undefined;
}

function shapeOf(kernel: KernelObjects, cache: SlabCache): CacheShape | undefined {
  const { memory, types } = kernel;
  const read = (path: string) => readMember(kernel, "kmem_cache", cache.address, path);
  const [stride, objectSize, offset] = [read("size"), read("object_size"), read("offset")].map(Number);
  const pad = types.member("kmem_cache", "red_left_pad") === undefined ? 0 : Number(read("red_left_pad") ?? 0n);
  if (!stride || !objectSize || offset === undefined || Number.isNaN(offset)) return undefined;
  if (objectSize > stride || offset + memory.wordSize > stride || stride > MAX_SLAB || pad > stride) return undefined;
  const random = types.member("kmem_cache", "random") === undefined ? undefined : read("random");
  const { wordSize, littleEndian } = memory;
  const forms = ["oo.x", "min.x"].map((path) => {
    const value = Number(read(path) ?? 0n);
    return { order: Math.min(value >>> 16, MAX_ORDER), objects: value & 0xffff };
  });
  const freelist = { offset, random, wordSize, littleEndian };
  return { ...cache, stride, objectSize, pad, freelist, forms, debugged: isDebugged(kernel, read("flags") ?? 0n) };
}

/** SLAB_RED_ZONE, SLAB_POISON, SLAB_STORE_USER: bits since 2.6.23, numbered anew by an enum in 6.9. */
const DEBUG_FLAGS = [
  ["_SLAB_RED_ZONE", 10],
  ["_SLAB_POISON", 11],
  ["_SLAB_STORE_USER", 16],
] as const;

function isDebugged({ types }: KernelObjects, flags: bigint): boolean {
  const numbered = types.enumerator("_SLAB_STORE_USER") !== undefined;
  return DEBUG_FLAGS.some(([name, before]) => {
    const bit = numbered ? types.enumerator(name) : BigInt(before);
    return bit !== undefined && ((flags >> bit) & 1n) === 1n;
  });
}

/**
 * Makes a function that finds the struct slabobj_ext of a slab's objects, if they are within [from, to) of physical
 * memory.
 */
function slabExtensions(
  { machine: { wordSize, littleEndian } }: Dump,
  space: AddressSpace,
  kernel: KernelObjects,
  layout: KernelView["layout"],
): (bytes: DataView, at: number, from: number, to: number) => Slab["extensions"] {
  const { types, memory } = kernel;
  const member = slabMember(kernel, layout, "obj_exts");
  const size = types.sizeOf("slabobj_ext");
  if (member?.size !== wordSize || size === undefined || size === 0) return () => undefined;
  return (bytes, at, from, to) => {
    // The low bits are flags.
    const value = wordAt(bytes, at + member.offset, wordSize, littleEndian) & ~7n;
    const place = memory.isKernelAddress(value) ? space.translate(value) : undefined;
    return place !== undefined && place.paddr >= from && place.paddr < to ? { start: place.paddr, size } : undefined;
  };
}

/** MAX_PAGE_ORDER is 10 for most. */
const MAX_ORDER = 10;

/** Makes a function that reads which cache a slab belongs to. */
function slabOwner(kernel: KernelObjects, layout: KernelView["layout"]): (slab: bigint) => bigint | undefined {
  const member = slabMember(kernel, layout, "slab_cache");
  return (slab) => (member === undefined ? undefined : kernel.memory.readWord(slab + BigInt(member.offset)));
}

/**
 * The lists that CPUs have taken from their slabs: kernels before 7.0. `undefined` stands for a CPU whose list was not
 * found: its memory is not where its offset leads, or it is another CPU's.
 */
function* cpuLists(
  kernel: KernelObjects,
  { address }: SlabCache,
  cpus: readonly number[],
  ownerOf: (slab: bigint) => bigint | undefined,
): Generator<{ slab: bigint; first: bigint } | undefined> {
  const perCpu = readMember(kernel, "kmem_cache", address, "cpu_slab");
  if (kernel.types.member("kmem_cache", "cpu_slab") === undefined) return;
  if (perCpu === undefined || perCpu === 0n) return yield undefined;
  const name = kernel.types.member("kmem_cache_cpu", "slab") === undefined ? "page" : "slab";
  const seen = new Set<bigint>();
  for (const cpu of cpus) {
    const own = perCpuAddress(kernel, perCpu, cpu);
    const slab = own === undefined ? undefined : readMember(kernel, "kmem_cache_cpu", own, name);
    const first = own === undefined ? undefined : readMember(kernel, "kmem_cache_cpu", own, "freelist");
    const isOther =
      own === undefined || seen.has(own) || (slab !== undefined && slab !== 0n && ownerOf(slab) !== address);
    if (own !== undefined) seen.add(own);
    if (slab === undefined || first === undefined || isOther) yield undefined;
    else if (slab && first) yield { slab, first };
  }
}

/** A bit field of struct slab, of at most 32 bits. */
function bitsOf(bytes: DataView, at: number, member: KernelMember, littleEndian: boolean): number {
  const { offset, size, bitOffset = 0, bitSize = size * 8 } = member;
  const unit = size === 8 ? 4 : size;
  const place = at + offset + (size === 8 && !littleEndian ? 4 : 0);
  const word =
    unit === 4
      ? bytes.getUint32(place, littleEndian)
      : unit === 2
        ? bytes.getUint16(place, littleEndian)
        : bytes.getUint8(place);
  const shift = littleEndian ? bitOffset : size * 8 - bitOffset - bitSize;
  return (word >>> shift) % 2 ** bitSize;
}
