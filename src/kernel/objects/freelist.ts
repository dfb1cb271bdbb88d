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

/**
 * Which objects of a slab are free: 1 for each. `data` are its objects, the first at physical address `start`. `first` is the
 * slab's own list, of `expected` objects; `others` are those that CPUs took from it. `undefined` unless every link leads to
 * an object that no list had before, all lists end, and the slab's own is as long as its counts say: what is damaged, or
 * of a form that is not known, is taken for in use.
 */
export function freeObjects(
  data: DataView,
  start: number,
  count: number,
  stride: number,
  expected: number,
  first: bigint,
  others: readonly bigint[],
  space: AddressSpace,
  form: FreelistForm,
): Uint8Array | undefined {
  const some = first !== 0n ? first : others[0];
  const place = some === undefined ? undefined : space.translate(some);
  if (some === undefined || place === undefined) return undefined;
  // A slab lies in one piece in the direct map.
  const base = some - BigInt(place.paddr - start);
  for (const swapped of form.random === undefined ? [false] : MIXES) {
    const free = new Uint8Array(count);
    const walk = (head: bigint) => follow(data, base, count, stride, head, form, swapped, free);
    if (walk(first) === expected && others.every((head) => walk(head) !== undefined)) return free;
  }
  return undefined;
}

/** Marks the objects of one list and returns how many; `undefined` if it leads astray. */
function follow(
  data: DataView,
  base: bigint,
  count: number,
  stride: number,
  head: bigint,
  { offset, random, wordSize, littleEndian }: FreelistForm,
  swapped: boolean,
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
    const raw =
      wordSize === 8
        ? data.getBigUint64(byte + offset, littleEndian)
        : BigInt(data.getUint32(byte + offset, littleEndian));
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
