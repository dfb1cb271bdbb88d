/** The most bytes of parts that are filled or being sent, if they are more than one part. */
const MOST_BYTES = 64 * 2 ** 20;

/**
 * The memory of all parts that a host's shards fill and send. Several shards write at once, and parts of huge outputs
 * are large: if there is no room, `borrow` waits until the store has taken a part. A caller never waits while it holds
 * a part, so nobody waits for ever.
 */
export class PartMemory {
  readonly #most: number;
  #lent = 0;
  readonly #waiting: (() => void)[] = [];
  /** Reused, because V8 would free this memory late: its size does not make V8 collect garbage. */
  #spare: Uint8Array[] = [];

  constructor(most: number = MOST_BYTES) {
    this.#most = most;
  }

  /** Shared memory of that length, filled with zeros. */
  async borrow(length: number): Promise<Uint8Array> {
    while (this.#lent > 0 && this.#lent + length > this.#most) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#lent += length;
    const known = this.#spare.findIndex((one) => one.length === length);
    if (known >= 0) return (this.#spare.splice(known, 1)[0] as Uint8Array).fill(0);
    // Spare memory of another length is dropped: parts grow.
    this.#spare = [];
    return new Uint8Array(new SharedArrayBuffer(length));
  }

  giveBack(bytes: Uint8Array): void {
    this.#lent -= bytes.length;
    if (this.#lent + bytes.length <= this.#most) this.#spare.push(bytes);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
