/** The bytes of a stream, taken in pieces of any size. The caller may keep the arrays that it returns. */
export class ByteQueue {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array[] = [];
  #length = 0;
  #ended = false;
  /** Bytes taken so far. */
  position = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `length` bytes, without removing them; fewer at the end of the stream. */
  async peek(length: number): Promise<Uint8Array> {
    while (this.#length < length && !this.#ended) {
      const { value, done } = await this.#chunks.next();
      if (done === true) this.#ended = true;
      else if (value.length > 0) {
        this.#held.push(value);
        this.#length += value.length;
      }
    }
    const [first] = this.#held;
    if (first !== undefined && first.length >= length) return first.subarray(0, length);
    const all = this.#held.length === 1 ? (first as Uint8Array) : Buffer.concat(this.#held);
    this.#held = all.length === 0 ? [] : [all];
    return all.subarray(0, length);
  }

  /** Removes and returns the next `length` bytes; fewer at the end of the stream. */
  async take(length: number): Promise<Uint8Array> {
    const bytes = await this.peek(length);
    const [first] = this.#held;
    if (first !== undefined) {
      if (first.length === bytes.length) this.#held.shift();
      else this.#held[0] = first.subarray(bytes.length);
    }
    this.#length -= bytes.length;
    this.position += bytes.length;
    return bytes;
  }

  /** Skips `length` bytes. Returns how many there were. */
  async skip(length: number): Promise<number> {
    let done = 0;
    while (done < length) {
      const { length: n } = await this.take(Math.min(length - done, 65536));
      if (n === 0) break;
      done += n;
    }
    return done;
  }

  /** All remaining bytes, in pieces as they come. */
  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const first = this.#held.shift() ?? (await this.#next());
      if (first === undefined) return;
      this.#length = Math.max(0, this.#length - first.length);
      this.position += first.length;
      yield first;
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#ended) return undefined;
    const { value, done } = await this.#chunks.next();
    if (done !== true) return value;
    this.#ended = true;
    return undefined;
  }

  /** Abandons the stream. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
