/** Bytes of parts that are filled or on their way, if that is more than one part. */
const MOST_BYTES = 64 * 2 ** 20;

/**
 * The memory of all parts that a host's shards fill and send. Several shards write at once, and parts of huge outputs are large: whoever finds
 * no room waits until the store has taken a part. Nobody does so with a part in hand, so nobody waits for ever.
 */
export class PartMemory {
  readonly #most: number;
  #lent = 0;
  readonly #waiting: (() => void)[] = [];
  /** Used again: V8 would free them late, for their size is no reason to it. */
  #spare: Uint8Array[] = [];

  constructor(most: number = MOST_BYTES) {
    this.#most = most;
  }

  /** Zeros of that length, in memory that threads share. */
  async borrow(length: number): Promise<Uint8Array> {
    while (this.#lent > 0 && this.#lent + length > this.#most) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#lent += length;
    const known = this.#spare.findIndex((one) => one.length === length);
    if (known >= 0) return (this.#spare.splice(known, 1)[0] as Uint8Array).fill(0);
    // Of another length: parts grow.
    this.#spare = [];
    return new Uint8Array(new SharedArrayBuffer(length));
  }

  giveBack(bytes: Uint8Array): void {
    this.#lent -= bytes.length;
    if (this.#lent + bytes.length <= this.#most) this.#spare.push(bytes);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
