import type { AddressSpace } from "../address-space.js";

/** What a batch of struct pages says of its pages. Places are counted from the batch's first page. */
export interface KnownBatch {
  readonly kinds: Uint8Array;
  /** The end of its last block; `undefined` if no block begins in it. */
  readonly block: { readonly end: number; readonly kind: number } | undefined;
  /** The last page whose own struct page gave its kind; `undefined` if there is none in the batch. */
  readonly first: { readonly at: number; readonly kind: number } | undefined;
  /** Its pages with memory errors. */
  readonly errors: readonly number[];
  /** Ascending: the addresses of its first struct page at which one of its pages would be in a list. */
  readonly listed: BigUint64Array;
}

/** Batches that are remembered: 2 MiB of kinds, of 128 MiB of struct pages. In a crafted dump all pages may be in lists and have errors: then some 50 MiB. */
const MOST_BATCHES = 256;

/**
 * The kinds of batches by where their struct pages lie in physical memory. A kernel maps one page of memory at many
 * places of the array (for the tails of huge pages), and a small dump could do that for terabytes: what was read once is
 * not read again.
 */
export class KnownBatches {
  readonly #space: AddressSpace;
  readonly #pageSize: number;
  readonly #batches = new Map<string, KnownBatch>();

  constructor(space: AddressSpace, pageSize: number) {
    this.#space = space;
    this.#pageSize = pageSize;
  }

  /** Where the bytes from `address` on lie, some of which may lie nowhere. */
  placesOf(address: bigint, bytes: number): string {
    let key = `${bytes}`;
    let end: number | undefined;
    for (let done = 0; done < bytes; ) {
      const at = address + BigInt(done);
      const found = this.#space.translate(at);
      if (found === undefined) {
        if (end !== -1) key += ` ${done} -`;
        end = -1;
        done += this.#pageSize - Number(at % BigInt(this.#pageSize));
        continue;
      }
      if (found.paddr !== end) key += ` ${done} ${found.paddr}`;
      end = found.paddr + found.length;
      done += found.length;
    }
    return key;
  }

  /** The batch with this key, if it says the same where its first struct page has this address. */
  get(key: string, address: bigint): KnownBatch | undefined {
    const batch = this.#batches.get(key);
    return batch === undefined || isIn(batch.listed, address) ? undefined : batch;
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

/** Whether an ascending array has a value. */
export function isIn(ascending: BigUint64Array, value: bigint): boolean {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as bigint) < value) low = middle + 1;
    else high = middle;
  }
  return low < ascending.length && ascending[low] === value;
}
