import { wordAt } from "../../reader/fields.js";
import type { AddressSpace } from "../address-space.js";

/** How a cache links its free objects: each holds the address of the next one (mm/slub.c). */
export interface FreelistForm {
  /** Offset of the link in an object, in bytes. */
  readonly offset: number;
  /** With CONFIG_SLAB_FREELIST_HARDENED links are XORed with this number and with their own address. */
  readonly random: bigint | undefined;
  readonly wordSize: 4 | 8;
  readonly littleEndian: boolean;
}

/** Whether that address has its bytes swapped: true since 5.7 (and in stable kernels of that time), false before. */
const MIXES = [true, false] as const;

/** The objects of a slab, one after the other. */
export interface SlabContent {
  /** Their bytes, from the first object on. */
  readonly data: DataView;
  /** Physical address of the first object. */
  readonly start: number;
  readonly count: number;
  /** Bytes from one object to the next. */
  readonly stride: number;
}

/** Lists of free objects, each given by the address of its first object, or 0. */
export interface SlabLists {
  /** The slab's own list; it should have `expected` objects. */
  readonly own: bigint;
  readonly expected: number;
  /** The lists that CPUs took from the slab. */
  readonly others: readonly bigint[];
}

/**
 * Which objects of a slab are free: 1 for each. `undefined` unless every link leads to an object that no list had
 * before, all lists end, and the slab's own list is as long as its counts say. A list that is damaged or has an unknown
 * form counts as in use.
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
  // A slab is contiguous in the direct map.
  const base = some - BigInt(place.paddr - slab.start);
  for (const swapped of form.random === undefined ? [false] : MIXES) {
    const free = new Uint8Array(slab.count);
    const walk = (head: bigint) => follow(slab, head, { ...form, base, swapped }, free);
    if (walk(own) === expected && others.every((head) => walk(head) !== undefined)) return free;
  }
  return undefined;
}

/** How to read the links of one slab. */
interface Links extends FreelistForm {
  /** The first object's address. */
  readonly base: bigint;
  readonly swapped: boolean;
}

/** Marks the objects of one list and returns how many there are; `undefined` if the list leaves the slab or loops. */
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
