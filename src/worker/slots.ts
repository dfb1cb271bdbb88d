import {
  borrowMemory,
  createWasmMemory,
  HASH_KEY_TAIL,
  HASH_SIZE,
  type WasmMemory,
} from "../codec/wasm/encode/load.js";

/**
 * The memory that all threads share: some slots, each with room for one task's pages before and after encoding, the
 * result for each page, and the modules' scratch space. A task gets a slot and leaves its output there. Nothing is
 * copied between threads, and nothing is allocated per task.
 */
export interface SlotLayout {
  readonly slots: number;
  readonly pageSize: number;
  /** The most pages of a task. */
  readonly pages: number;
  /** Byte offsets within a slot. */
  readonly input: number;
  readonly output: number;
  /** One u32 per page: see page-record.ts. */
  readonly records: number;
  /** One byte per page: 1 where the page is all zero. */
  readonly zeroMap: number;
  /** HASH_SIZE bytes per page, if equal pages are searched for. */
  readonly hashes: number;
  readonly scratch: number;
  readonly scratchSize: number;
  /** Bytes of a slot. */
  readonly size: number;
  /** Behind all slots: the key of the hashes, pageSize + HASH_KEY_TAIL bytes. */
  readonly hashKey: number;
  /** Behind the key: tables that all threads read with `--privacy strict`. */
  readonly tables: number;
  readonly tablesSize: number;
}

/**
 * Bytes of a task's pages. Smaller tasks cost more in messages (0.1 ms a task), larger ones gain nothing (measured: 16
 * pages 385 MB/s, 256 pages 920, 4096 pages 860).
 */
export const TASK_BYTES = 2 << 20;
/** Scratch space that the most demanding module needs; checked when it is loaded. */
const SCRATCH_BYTES = 1 << 20;
const ALIGN = 4096;

/** The most pages of a task: 2 MiB, but at least 8 pages (a byte of the bitmaps). */
export function pagesPerTask(pageSize: number): number {
  return Math.max(8, Math.floor(TASK_BYTES / pageSize));
}

/** `tablesSize`: bytes of the tables behind the slots. */
export function slotLayout(slots: number, pageSize: number, tablesSize = 0): SlotLayout {
  const pages = pagesPerTask(pageSize);
  const sizes = [pages * pageSize, pages * pageSize, pages * 4, pages, pages * HASH_SIZE, SCRATCH_BYTES].map(
    (size) => Math.ceil(size / ALIGN) * ALIGN,
  );
  const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
  const [input, output, records, zeroMap, hashes, scratch] = starts as [number, number, number, number, number, number];
  const size = scratch + SCRATCH_BYTES;
  const hashKey = slots * size;
  return {
    ...{ slots, pageSize, pages, input, output, records, zeroMap, hashes, scratch, size },
    scratchSize: SCRATCH_BYTES,
    hashKey,
    tables: hashKey + Math.ceil((pageSize + HASH_KEY_TAIL) / ALIGN) * ALIGN,
    tablesSize,
  };
}

function slotMemorySize({ tables, tablesSize }: SlotLayout): number {
  return tables + tablesSize;
}

export function createSlotMemory(layout: SlotLayout): WasmMemory {
  return createWasmMemory(slotMemorySize(layout));
}

/** The same for one run: borrowed, and to be given back with `giveBackMemory`. */
export function borrowSlotMemory(layout: SlotLayout): WasmMemory {
  return borrowMemory(slotMemorySize(layout));
}

/** Lends slots. If all are lent, `borrow` waits until one is given back. */
export class SlotLender {
  readonly #all: number;
  readonly #free: number[];
  readonly #waiting: ((slot: number) => void)[] = [];
  /** Results that are being read: written to the output. */
  readonly #readers = new Set<Promise<unknown>>();
  #readerFailed = false;

  constructor(slots: number) {
    this.#all = slots;
    this.#free = Array.from({ length: slots }, (_, i) => i);
  }

  /** Waits for the reader of a lent slot's result. One that failed may have left others behind that still read it. */
  async readBy(reader: Promise<void> | undefined): Promise<void> {
    if (reader === undefined) return;
    this.#readers.add(reader);
    try {
      await reader;
    } catch (error) {
      this.#readerFailed = true;
      throw error;
    } finally {
      this.#readers.delete(reader);
    }
  }

  /**
   * Calls `then` when nothing reads a result any more: at once if all slots were given back, later or never if not.
   * Readers that failed, and those that never end, may read for ever.
   */
  whenUnread(then: () => void): void {
    const thenUnlessFailed = () => {
      if (!this.#readerFailed) then();
    };
    if (this.#free.length === this.#all) then();
    else void Promise.allSettled(this.#readers).then(thenUnlessFailed);
  }

  async borrow(): Promise<number> {
    const slot = this.#free.pop();
    return slot ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  giveBack(slot: number): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }
}
