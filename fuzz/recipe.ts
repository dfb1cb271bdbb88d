import { VALUES } from "./values.js";

/**
 * An input that says how something large is to be changed: kernels of 24 MiB are not kept as inputs. It is read number
 * by number; behind its end there are zeros.
 */
export class Recipe {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  number(size: 1 | 2 | 4): number {
    let value = 0;
    for (let i = 0; i < size; i++) value += (this.#bytes[this.#at++] ?? 0) * 256 ** i;
    return value;
  }

  /** One of the list. */
  pick<T>(list: readonly T[], size: 1 | 2 | 4 = 1): T {
    return list[this.number(size) % list.length] as T;
  }

  /** A number to put in the place of `old`: usual damage, or something that another place has. */
  value(old: bigint, others: readonly bigint[]): bigint {
    const kind = this.number(1) % 8;
    const argument = this.number(2);
    if (kind < 2) return VALUES[argument % VALUES.length] as bigint;
    if (kind < 5) return others[argument % others.length] ?? 0n;
    if (kind === 5) return old + BigInt(argument - 32_768);
    if (kind === 6) return old ^ (1n << BigInt(argument % 64));
    return BigInt(argument);
  }
}
