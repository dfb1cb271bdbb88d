import type { PageLayout } from "../kernel/page/page-layout.js";
import { NO_TYPE, pageMarks } from "../kernel/page/page-marks.js";
import { classTable } from "./class-rules.js";
import { CLASS_NUMBERS, UNKNOWN } from "./page-classes.js";
import type { ScanPolicy } from "./policy.js";
import { borrowMemory, giveBackMemory, loadClassifyModule } from "./wasm/load.js";

/** Struct pages in a batch: half a MiB, which stays in the processor's cache until it was scanned. */
export const BATCH = 8192;

/**
 * Classifies pages in batches. The caller puts struct pages and the bits of the pages to scan into the buffers: page i
 * of a batch has the pfn `firstPfn + i`; its struct page is at byte `i * layout.size` of `pages`, in the dumped
 * machine's byte order; its bit is bit i & 7 of byte i >> 3 of `present`.
 *
 * Tails of compound pages have the class of their head; buddy pages and unaccepted memory come in blocks;
 * class-rules.ts decides about all other pages. Cache, user, hwpoison and offline pages are dropped with all tails of
 * their compound page.
 */
export interface Classifier {
  readonly pages: Uint8Array;
  readonly present: Uint8Array;
  /** With a privacy policy: bits of the batch's pages that are known to be the kernel's. The caller fills it. */
  readonly known: Uint8Array;
  /** Class numbers of the last batch; 0 and those from KEPT_FROM on are kept. */
  readonly classes: Uint8Array;
  /**
   * Classifies the pages [from, to), and all pages in a block of an earlier batch: `covered` is the first pfn behind
   * all earlier blocks. Returns the new `covered`. `firstPfn` is a multiple of 8.
   */
  classify(firstPfn: number, from: number, to: number, covered: number): number;
  /**
   * Clears the bits in `present` of pages that are dropped, and adds their numbers to `dropped`, which is indexed by
   * class.
   */
  drop(to: number, dropped: number[]): void;
  /** With a privacy policy: the next page does not follow the previous one, so its head is not known. */
  startPiece(): void;
  /** Class of the block that continues behind the last batch. */
  readonly rest: number;
  /** Buddy pages with an impossible order, which were kept. */
  readonly badOrders: number;
  /**
   * Returns its memory, for the next classifier. It must not be used any more, and the content of its buffers is lost.
   */
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
/** Classes by facts: offset in bytes from STATE. */
const TABLE = STATE + 512;
/** Differs from all 32-bit words: the value of a page type that the kernel does not have. */
const NEVER = 1n << 32n;

/**
 * Makes the classifier for a kernel and a policy. It has 0.5 MiB of its own memory. With `policy.privacy` a page
 * without another class is kept only if there is evidence that it is the kernel's (KEPT_FROM in page-classes.ts).
 */
export function createClassifier(layout: PageLayout, policy: ScanPolicy): Classifier {
  // The module reads up to 8 bytes at any offset of a struct page, and one struct page behind a head.
  const memory = borrowMemory(PAGES + (BATCH + 1) * layout.size + 8);
  new Uint8Array(memory.buffer, 0, PAGES).fill(0);
  const module = loadClassifyModule(memory);
  new BigUint64Array(memory.buffer, PARAMS).set(kernelParameters(layout, policy));
  new Uint8Array(memory.buffer, TABLE).set(classTable(policy));
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
 * The module's parameters in its order (P_ in wasm/_classify-parameters.as.ts). The kernel's marks are converted to the
 * dump's byte order here, so that the loop need not convert the words of struct pages.
 */
function kernelParameters(layout: PageLayout, policy: ScanPolicy): bigint[] {
  const { offset, wordSize, littleEndian, order } = layout;
  const { at, mask, type, hugetlb, orders } = pageMarks(layout);
  const native = (value: number) => BigInt(littleEndian ? value >>> 0 : swap32(value));
  const typed = (value: number) => (value === NO_TYPE ? NEVER : native(value));
  const yes = (condition: boolean) => (condition ? 1n : 0n);
  const freeable = policy.free && offset.private !== undefined;
  return [
    BigInt(layout.size),
    yes(!littleEndian),
    BigInt(wordSize),
    BigInt(at.flags),
    BigInt(at.mapping),
    BigInt(at.tail),
    BigInt(at.mapcount),
    BigInt(offset.private ?? 0),
    BigInt(at.refcount),
    native(mask.tail),
    native(1),
    native(mask.lru),
    native(mask.private),
    native(mask.swap),
    native(mask.slab),
    native(mask.hwpoison),
    native(mask.head),
    native(mask.reserved),
    freeable ? native(mask.buddy) : 0n,
    typed(type.slab),
    typed(type.offline),
    typed(type.hugetlb),
    freeable ? typed(type.buddy) : NEVER,
    policy.free && layout.orders !== undefined ? typed(type.unaccepted) : NEVER,
    BigInt(orders),
    BigInt(order?.offset ?? 0),
    BigInt(order?.width ?? 0),
    yes(order?.lowByte ?? false),
    BigInt(hugetlb?.offset ?? 0),
    BigInt(hugetlb?.width ?? 0),
    hugetlb?.mask ?? 0n,
    hugetlb?.value ?? 0n,
    yes(policy.user),
    yes(policy.privacy !== undefined),
  ];
}

function swap32(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | ((value >>> 24) & 0xff)) >>> 0;
}
