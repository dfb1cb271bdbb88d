import type { Vmcoreinfo } from "../../../reader/vmcoreinfo.js";

/**
 * Values of a word of memory with unknown purpose that `--privacy strict` keeps: the kernel's addresses, small numbers,
 * and marks of the kernel. Anything else may be text or payload.
 */
export interface KernelWords {
  readonly wordSize: 4 | 8;
  readonly littleEndian: boolean;
  /** Addresses that the kernel uses: starts and ends, in pieces of 4 KiB, ascending. In shared memory. */
  readonly addresses: Float64Array;
  /**
   * The upper half of the bits that hold a signature in a signed pointer (arm64's pointer authentication, with which the
   * kernel signs return addresses on stacks); 0: pointers are not signed.
   */
  readonly signature: number;
}

/** `KernelWords.signature` by VMCOREINFO: NUMBER(KERNELPACMASK), since 5.7; 0 where the CPUs do not sign. */
export function pointerSignature(vmcoreinfo: Vmcoreinfo | undefined): number {
  const mask = BigInt.asUintN(64, vmcoreinfo?.number("KERNELPACMASK") ?? 0n);
  // The bits above an address, which has 36 to 52: any other mask would let more through than a signature.
  const bits = 64 - mask.toString(2).replace(/^1+/, "").length;
  return mask >> 63n === 1n && bits >= 12 && bits <= 28 && BigInt.asUintN(64 - bits, mask) === 0n
    ? Number(mask >> 32n)
    : 0;
}

/** Of a signed pointer: it is the kernel's (bit 55 of 64, which no signature has). */
const KERNEL_HALF = 1 << 23;

/** A number in a word of 8 bytes is small if it is below this: at most three bytes of text. */
export const SMALL_WORD = 1 << 24;
/** A number of 4 bytes is small if it is below this: two bytes. */
export const SMALL_HALF = 1 << 16;
/** Error numbers and small differences, from -65,536 on. */
const SMALL_NEGATIVE = 0xffff_0000;

/** STACK_END_MAGIC, and the marks of locks in debugging kernels (SPINLOCK_MAGIC, RWLOCK_MAGIC). */
const MARKS: readonly number[] = [0x57ac_6e9d, 0xdead_4ead, 0xdeaf_1eed];
/** Values in removed entries of lists (LIST_POISON1, LIST_POISON2), above POISON_POINTER_DELTA on 64-bit machines. */
const POISON = [0x100, 0x200] as const;
const POISON_HIGH = 0xdead_0000;

/**
 * Whether to keep a word, given as its upper and lower 4 bytes. Pages have the same test in WebAssembly
 * (filter/wasm/strict.as.ts).
 */
export type WordTest = (high: number, low: number) => boolean;

/** The test for machines with words of 8 bytes; with words of 4, `high` is 0. */
export function wordTest({ wordSize, addresses, signature }: KernelWords): WordTest {
  const count = addresses.length / 2;
  let from = 0;
  let to = 0;
  const isAddress = (piece: number): boolean => {
    if (piece >= from && piece < to) return true;
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((addresses[2 * middle + 1] as number) > piece) high = middle;
      else low = middle + 1;
    }
    if (low === count || (addresses[2 * low] as number) > piece) return false;
    [from, to] = [addresses[2 * low] as number, addresses[2 * low + 1] as number];
    return true;
  };
  if (wordSize === 4) {
    return (_high, low) =>
      low < SMALL_HALF ||
      low >= SMALL_NEGATIVE ||
      MARKS.includes(low) ||
      // 32-bit kernels have the same poison without an upper part.
      isAddress(low >>> 12);
  }
  const small = (half: number) => half < SMALL_HALF || half === 0xffff_ffff;
  return (high, low) => {
    if (high === 0) return low < SMALL_WORD || MARKS.includes(low) || low === 0xffff_ffff || isAddress(low >>> 12);
    const upper = (high & KERNEL_HALF) === 0 ? high : (high | signature) >>> 0;
    if (isAddress(upper * PIECES + (low >>> 12))) return true;
    if (high === 0xffff_ffff) return low >= SMALL_NEGATIVE || low < SMALL_HALF;
    if (high === POISON_HIGH) return low - (low % 0x100) === POISON[0] || (low & ~0xff) === POISON[1];
    return small(high) && small(low);
  };
}

/** Pieces of 4 KiB in 2^32 bytes. */
const PIECES = 1 << 20;
