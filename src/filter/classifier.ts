import type { PageLayout } from "../kernel/page-layout.js";
import { CLASS_NUMBERS, UNKNOWN } from "./page-classes.js";
import type { ScanPolicy } from "./policy.js";
import { borrowMemory, giveBackMemory, loadClassifyModule } from "./wasm/load.js";

/** Struct pages in a batch: half a MiB, which stays in the processor's cache until it has been looked at. */
export const BATCH = 8192;

/**
 * Classifies pages in batches. The caller puts struct pages and the bits of the pages to look at into the buffers:
 * page i of a batch has the pfn `firstPfn + i`, its struct page is at byte `i * layout.size` of `pages`, in the dumped
 * machine's byte order, its bit is bit i & 7 of byte i >> 3 of `present`.
 *
 * The order of tests is makedumpfile's: 1. tails of compound pages are what their head is; 2. buddy pages, then
 * unaccepted memory, in blocks; 3. page cache; 4. user pages; 5. pages with memory errors; 6. offline pages. Cache,
 * user, hwpoison and offline pages are dropped with all tails of their compound page. A page whose class the policy
 * keeps is tested on: a poisoned user page is user data when user data go, else hwpoison.
 */
export interface Classifier {
  readonly pages: Uint8Array;
  readonly present: Uint8Array;
  /** With a privacy policy: bits of the batch's pages that are known to be the kernel's. The caller fills it. */
  readonly known: Uint8Array;
  /** Class numbers of the batch last classified; 0 and those from KEPT_FROM on are kept. */
  readonly classes: Uint8Array;
  /**
   * Classifies the pages [from, to), and all that a block from an earlier batch reaches over: `covered` is the first
   * pfn that no earlier block has. Returns the new `covered`. `firstPfn` is a multiple of 8.
   */
  classify(firstPfn: number, from: number, to: number, covered: number): number;
  /** Clears the bits in `present` of pages that have a class, and adds to `dropped`, which is indexed by class. */
  drop(to: number, dropped: number[]): void;
  /** With a privacy policy: the next page does not follow the last one, so that its head is not known. */
  startPiece(): void;
  /** Class of the block that reaches beyond the last batch. */
  readonly rest: number;
  /** Buddy pages whose order was impossible; they were kept. */
  readonly badOrders: number;
  /** Gives its memory to the next one. It classifies no more, and what its buffers had is lost. */
  end(): void;
}

// Layout of the module's memory, in bytes.
const PARAMS = 0;
const STATE = 1024;
const PRESENT = 2048;
const KNOWN = PRESENT + BATCH / 8;
const CLASSES = KNOWN + BATCH / 8;
const PAGES = CLASSES + BATCH;
const STATE_REST = 0;
const STATE_BAD_ORDERS = 1;
const STATE_LAST = 2;
const STATE_DROPPED = 3;
/** No kernel has buddy blocks above 2^20 pages; taken where LENGTH(zone.free_area) is not exported. */
const MAX_ORDERS = 21;
/** Equals no 32-bit word: the value of a page type that the kernel does not have. */
const NEVER = 1n << 32n;

/**
 * Makes the classifier of one kernel and policy. It has 0.5 MiB of memory of its own. With `policy.privacy` each page
 * that no other class claims is kept only if something says that it is the kernel's (KEPT_FROM in page-classes.ts).
 */
export function createClassifier(layout: PageLayout, policy: ScanPolicy): Classifier {
  // The module reads up to 8 bytes at any offset of a struct page, and one struct page beyond a head.
  const memory = borrowMemory(PAGES + (BATCH + 1) * layout.size + 8);
  new Uint8Array(memory.buffer, 0, PAGES).fill(0);
  const module = loadClassifyModule(memory);
  new BigUint64Array(memory.buffer, PARAMS).set(kernelParameters(layout, policy));
  const state = new Uint32Array(memory.buffer, STATE, STATE_DROPPED + CLASS_NUMBERS);
  const classes = new Uint8Array(memory.buffer, CLASSES, BATCH);
  return {
    pages: new Uint8Array(memory.buffer, PAGES, BATCH * layout.size),
    present: new Uint8Array(memory.buffer, PRESENT, BATCH / 8),
    known: new Uint8Array(memory.buffer, KNOWN, BATCH / 8),
    classes,
    classify(firstPfn, from, to, covered) {
      classes.fill(0);
      const begin = Math.max(from, Math.min(covered - firstPfn, to));
      if (begin > from) classes.fill(state[STATE_REST] as number, from, begin);
      const next = module.classify(PARAMS, STATE, PAGES, firstPfn, begin, to, PRESENT, CLASSES, KNOWN);
      return Math.max(covered, firstPfn + next);
    },
    drop(to, dropped) {
      state.fill(0, STATE_DROPPED);
      module.drop(STATE, to, PRESENT, CLASSES);
      for (let i = 0; i < dropped.length; i++) {
        dropped[i] = (dropped[i] as number) + (state[STATE_DROPPED + i] as number);
      }
    },
    startPiece() {
      state[STATE_LAST] = UNKNOWN;
    },
    get rest() {
      return state[STATE_REST] as number;
    },
    get badOrders() {
      return state[STATE_BAD_ORDERS] as number;
    },
    end() {
      giveBackMemory(memory);
    },
  };
}

/**
 * The module's parameters in its order (P_ in wasm/_classify-parameters.as.ts). Masks of flag bits are turned into the dump's
 * byte order here, so that the loop need not turn its words.
 */
function kernelParameters(layout: PageLayout, policy: ScanPolicy): bigint[] {
  const { offset, bit, type, wordSize, littleEndian, order, hugetlb } = layout;
  const native = (value: number) => BigInt(littleEndian ? value >>> 0 : swap32(value));
  /** Where the low 32 bits of an unsigned long are. */
  const low = (at: number) => BigInt(at + (wordSize === 8 && !littleEndian ? 4 : 0));
  const mask = (number: number | undefined) => (number === undefined ? 0n : native((1 << number) >>> 0));
  const typed = (value: number | undefined) =>
    offset.mapcount === undefined || value === undefined ? NEVER : native(value);
  const yes = (condition: boolean) => (condition ? 1n : 0n);
  const freeable = policy.free && offset.private !== undefined;
  const mark = hugetlb?.kind === "flag" ? { offset: offset.flags, width: wordSize } : hugetlb;
  return [
    BigInt(layout.size),
    yes(!littleEndian),
    BigInt(wordSize),
    low(offset.flags),
    low(offset.mapping),
    low(offset.compoundHead ?? 0),
    BigInt(offset.mapcount ?? 0),
    BigInt(offset.private ?? 0),
    offset.compoundHead === undefined ? 0n : native(1),
    native(1),
    mask(bit.lru),
    mask(bit.private),
    mask(bit.swapcache),
    // Without a swapbacked bit the swapcache bit is taken at face value.
    bit.swapbacked === undefined ? mask(bit.swapcache) : mask(bit.swapbacked),
    mask(bit.slab),
    mask(bit.hwpoison),
    layout.headMask === undefined ? 0n : native(layout.headMask),
    freeable ? mask(bit.buddy) : 0n,
    typed(type.slab),
    typed(type.offline),
    typed(type.hugetlb),
    freeable ? typed(type.buddy) : NEVER,
    policy.free && layout.orders !== undefined ? typed(type.unaccepted) : NEVER,
    BigInt(Math.min(layout.orders ?? MAX_ORDERS, MAX_ORDERS)),
    BigInt(order?.offset ?? 0),
    BigInt(order?.width ?? 0),
    yes(order?.lowByte ?? false),
    BigInt(mark?.offset ?? 0),
    BigInt(mark?.width ?? 0),
    hugetlb?.kind === "flag" ? 1n << BigInt(hugetlb.bit) : 0xffff_ffff_ffff_ffffn,
    hugetlb === undefined ? 0n : hugetlb.kind === "flag" ? 1n << BigInt(hugetlb.bit) : hugetlb.value,
    yes(policy.cache),
    yes(policy.cachePrivate),
    yes(policy.user),
    yes(policy.privacy !== undefined),
    mask(policy.privacy?.reserved),
    BigInt(policy.privacy?.refcount ?? 0),
  ];
}

function swap32(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | ((value >>> 24) & 0xff)) >>> 0;
}
