import type { AddressSpace } from "../address-space.js";

/** What a batch of struct pages says of its pages, whatever lies before it. Places are counted from the batch's first page. */
export interface KnownBatch {
  readonly kinds: Uint8Array;
  /** The end of its last block. */
  readonly covered: number;
  readonly coveredKind: number;
  /** The last page whose own struct page gave its kind; `undefined` if there is none in the batch. */
  readonly first: { readonly at: number; readonly kind: number } | undefined;
  /** Whether it holds only where no block of kernel pages can reach into the batch. */
  readonly needsNoBlock: boolean;
}

/** Batches that are remembered: 2 MiB of kinds, of 128 MiB of struct pages. */
const MOST_BATCHES = 256;
/** Blocks begin at multiples of their size, of up to 2^24 pages. */
const MOST_ALIGNMENT = 2 ** 24;

/**
 * The kinds of batches by where their struct pages lie in physical memory. A kernel maps one page of memory at many
 * places of the array (for the tails of huge pages), and a small dump could do that for terabytes: what was read once is
 * not read again.
 */
export class KnownBatches {
  readonly #space: AddressSpace;
  readonly #batches = new Map<string, KnownBatch>();

  constructor(space: AddressSpace) {
    this.#space = space;
  }

  /** Where the bytes from `address` on lie that tell the kinds of the pages from `pfn` on; `undefined` if some lie nowhere. */
  keyOf(pfn: number, address: bigint, bytes: number): string | undefined {
    const alignment = pfn % MOST_ALIGNMENT;
    let key = `${alignment === 0 ? MOST_ALIGNMENT : alignment & -alignment} ${bytes}`;
    let end = -1;
    for (let done = 0; done < bytes; ) {
      const found = this.#space.translate(address + BigInt(done));
      if (found === undefined) return undefined;
      if (found.paddr !== end) key += ` ${done} ${found.paddr}`;
      end = found.paddr + found.length;
      done += found.length;
    }
    return key;
  }

  get(key: string): KnownBatch | undefined {
    return this.#batches.get(key);
  }

  add(key: string, batch: KnownBatch): void {
    if (this.#batches.size >= MOST_BATCHES) {
      for (const oldest of this.#batches.keys()) {
        this.#batches.delete(oldest);
        break;
      }
    }
    this.#batches.set(key, batch);
  }
}
