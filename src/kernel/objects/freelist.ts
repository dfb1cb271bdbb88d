import { wordAt } from "../../reader/fields.js";
import type { AddressSpace } from "../address-space.js";

/** How a cache links its free objects: the address of the next one stands in each (mm/slub.c). */
export interface FreelistForm {
  /** Bytes from an object's begin. */
  readonly offset: number;
  /** With CONFIG_SLAB_FREELIST_HARDENED links are mixed with this number and their own address. */
  readonly random: bigint | undefined;
  readonly wordSize: 4 | 8;
  readonly littleEndian: boolean;
}

/** How a link is mixed: since 5.7 (and in stable kernels of then) its address has its bytes swapped, before not. */
const MIXES = [true, false] as const;

/** The objects of a slab, which lie one behind the other. */
export interface SlabContent {
  /** From the first object on. */
  readonly data: DataView;
  /** Physical address of the first. */
  readonly start: number;
  readonly count: number;
  /** Bytes from one to the next. */
  readonly stride: number;
}

/** Lists of free objects: addresses of the first one of each, or 0. */
export interface SlabLists {
  /** The slab's own, of `expected` objects. */
  readonly own: bigint;
  readonly expected: number;
  /** Those that CPUs took from it. */
  readonly others: readonly bigint[];
}

/**
 * Which objects of a slab are free: 1 for each. `undefined` unless every link leads to an object that no list had before, all
 * lists end, and the slab's own is as long as its counts say: what is damaged, or of a form that is not known, is taken for
 * in use.
 */
export function freeObjects(
  slab: SlabContent,
  { own, expected, others }: SlabLists,
  space: AddressSpace,
  form: FreelistForm,
): Uint8Array | undefined {
  const some = own !== 0n ? own : others[0];
  const place = some === undefined ? undefined : space.translate(some);
  if (some === undefined || place === undefined) return undefined;
  // A slab lies in one piece in the direct map.
  const base = some - BigInt(place.paddr - slab.start);
  for (const swapped of form.random === undefined ? [false] : MIXES) {
    const free = new Uint8Array(slab.count);
    const walk = (head: bigint) => follow(slab, head, { ...form, base, swapped }, free);
    if (walk(own) === expected && others.every((head) => walk(head) !== undefined)) return free;
  }
  return undefined;
}

/** How the links of one slab are read. */
interface Links extends FreelistForm {
  /** The first object's address. */
  readonly base: bigint;
  readonly swapped: boolean;
}

/** Marks the objects of one list and returns how many; `undefined` if it leads astray. */
function follow(
  { data, count, stride }: SlabContent,
  head: bigint,
  { base, offset, random, swapped, wordSize, littleEndian }: Links,
  free: Uint8Array,
): number | undefined {
  let found = 0;
  for (let at = head; at !== 0n; found++) {
    const distance = at - base;
    if (distance < 0n || distance >= BigInt(count * stride)) return undefined;
    const byte = Number(distance);
    const index = byte / stride;
    if (!Number.isInteger(index) || free[index] === 1) return undefined;
    free[index] = 1;
    const raw = wordAt(data, byte + offset, wordSize, littleEndian);
    if (random === undefined) at = raw;
    else {
      const own = at + BigInt(offset);
      at = raw ^ random ^ (swapped ? swapBytes(own, wordSize) : own);
    }
  }
  return found;
}

const scratch = new DataView(new ArrayBuffer(8));

function swapBytes(value: bigint, wordSize: 4 | 8): bigint {
  if (wordSize === 4) {
    scratch.setUint32(0, Number(BigInt.asUintN(32, value)), true);
    return BigInt(scratch.getUint32(0, false));
  }
  scratch.setBigUint64(0, value, true);
  return scratch.getBigUint64(0, false);
}
