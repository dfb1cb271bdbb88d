import { sharedBytes } from "./shared-bytes.js";

/**
 * The most bytes of parts that shards fill and send, if they are more than one part: as many are on their way as of a single run, and one is filled.
 */
const MOST_BYTES = 32 * 2 ** 20;

/**
 * The memory of all parts that a process fills and sends. Several shards write at once, and parts of huge outputs
 * are large: if there is no room, `borrow` waits until the store has taken a part. A caller never waits while it holds
 * a part, so nobody waits for ever.
 */
export class PartMemory {
  #lent = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #onRoom: (() => void) | undefined;
  /** Reused, because V8 would free this memory late: its size does not make V8 collect garbage. */
  #spare: Uint8Array[] = [];

  constructor(private readonly most: number = MOST_BYTES) {}

  /** Shared memory of that length, filled with zeros. First come, first served: else small parts would keep a large one waiting. */
  borrow(length: number): Promise<Uint8Array> {
    const lent = this.#turn.then(() => this.#room(length));
    // Without the memory that was lent: it would be held until the next one is.
    const none = () => undefined;
    this.#turn = lent.then(none, none);
    return lent;
  }

  async #room(length: number): Promise<Uint8Array> {
    while (this.#lent > 0 && this.#lent + length > this.most) {
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve;
      });
    }
    const bytes = this.take(length).fill(0);
    this.#lent += length;
    return bytes;
  }

  giveBack(bytes: Uint8Array): void {
    this.#lent -= bytes.length;
    this.keep(bytes);
    this.#onRoom?.();
  }

  /** Shared memory of that length with any content, at once: for a caller that limits itself how much it has. */
  take(length: number): Uint8Array {
    const known = this.#spare.findIndex((one) => one.length === length);
    if (known >= 0) return this.#spare.splice(known, 1)[0] as Uint8Array;
    // Spare memory of another length is dropped: parts grow.
    this.#spare = [];
    return sharedBytes(length);
  }

  /** Keeps memory from `take` for later parts. */
  keep(bytes: Uint8Array): void {
    const kept = this.#spare.reduce((sum, { length }) => sum + length, 0);
    if (this.#lent + kept + bytes.length <= this.most) this.#spare.push(bytes);
  }

  /** Keeps nothing for later parts, unless some are lent: they are given back soon. Returns how many bytes it had. */
  dropSpare(): number {
    if (this.#lent > 0) return 0;
    const bytes = this.#spare.reduce((sum, { length }) => sum + length, 0);
    this.#spare = [];
    return bytes;
  }
}

/** The parts of this process. */
export const partMemory = new PartMemory();
