import { DumpError } from "../../../errors.js";
import { OPTION } from "../../../option-words.js";
import { cutOffError } from "../../damage.js";
import type { ByteQueue } from "./byte-queue.js";

// The format is described in "bzip2: Format Specification" (J. Tsai, 2016): blocks of up to 900,000 bytes, Huffman codes over the
// Burrows-Wheeler transform of run lengths. Blocks begin at any bit.

/** The most bytes of a packed block: 900,000 symbols of 20 bits, and its tables. */
const MOST_PACKED = Math.ceil((900_000 * 20) / 8) + 20_000;
const BLOCK_MAGIC = [0x314159, 0x265359];
const END_MAGIC = [0x177245, 0x385090];
const GROUP = 50;
const MAX_LENGTH = 20;
const PIECE = 65536;
/** Bytes that are read first: many blocks are smaller than MOST_PACKED, and a slow stream should not be waited for. */
const HEADER = 4;

/** Reads the bits of a piece of a stream, most significant first. Behind its end they are 0, and `over` is true. */
class BitReader {
  constructor(
    private readonly bytes: Uint8Array,
    /** In bits. */
    public position: number,
  ) {}

  get over(): boolean {
    return this.position > 8 * this.bytes.length;
  }

  /** Reads up to 24 bits. */
  bits(count: number): number {
    const at = this.position >>> 3;
    const bytes = this.bytes;
    const word =
      (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>>
      0;
    const value = ((word << (this.position & 7)) >>> 0) >>> (32 - count);
    this.position += count;
    return count === 0 ? 0 : value;
  }
}

/** Unpacks consecutive bzip2 streams. Throws `TRUNCATED`, `CORRUPT`. */
export async function* unpackBzip2(queue: ByteQueue, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  const fail = (what: string) =>
    new DumpError("CORRUPT", `its bzip2 stream is damaged: ${what}`, {
      file: name,
      offset: queue.position,
      cure: `Copy it again from where it was made, or use ${OPTION.salvage} for what comes before`,
    });
  const cut = () => cutOffError(name, "its bzip2 stream ends too early", queue.position);
  for (let first = true; ; first = false) {
    const head = await queue.take(HEADER);
    if (head.length === 0 && !first) return;
    const level = (head[3] ?? 0) - 0x30;
    if (head.length < HEADER) throw cut();
    const known = head[0] === 0x42 && head[1] === 0x5a && head[2] === 0x68 && level >= 1 && level <= 9;
    if (!known) throw fail("no stream where one must begin");
    const block = new BlockDecoder(level * 100_000, fail);
    let bit = 0;
    let combined = 0;
    for (;;) {
      const bytes = await queue.peek(MOST_PACKED);
      const reader = new BitReader(bytes, bit);
      const magic = [reader.bits(24), reader.bits(24)];
      const sum = ((reader.bits(16) << 16) | reader.bits(16)) >>> 0;
      if (reader.over) throw cut();
      if (magic[0] === END_MAGIC[0] && magic[1] === END_MAGIC[1]) {
        if (sum !== combined) throw fail("the checksum of all blocks");
        await queue.take(Math.ceil(reader.position / 8));
        break;
      }
      if (magic[0] !== BLOCK_MAGIC[0] || magic[1] !== BLOCK_MAGIC[1]) throw fail("no block where one must begin");
      let found: number;
      try {
        block.read(reader);
        if (reader.over) throw cut();
        const hash = new Crc();
        for (const piece of block.pieces()) {
          hash.update(piece);
          yield piece;
        }
        found = hash.digest();
      } catch (error) {
        // Bits that a block lacks read as zeros, which lead to some error.
        throw reader.over ? cut() : error;
      }
      if (found !== sum) throw fail("the checksum of a block");
      combined = (((combined << 1) | (combined >>> 31)) ^ sum) >>> 0;
      await queue.take(reader.position >>> 3);
      bit = reader.position & 7;
    }
  }
}

/** Decodes one block after the other into the same tables. */
class BlockDecoder {
  /** The low byte is the symbol, the rest is the index of the next one. */
  readonly #next: Uint32Array;
  #count = 0;
  #origin = 0;

  constructor(
    private readonly size: number,
    private readonly fail: (what: string) => DumpError,
  ) {
    this.#next = new Uint32Array(size);
  }

  read(reader: BitReader): void {
    if (reader.bits(1) === 1) throw this.fail("a block in the randomised form of before 1997");
    this.#origin = reader.bits(24);
    const symbols = this.#usedSymbols(reader);
    const groups = reader.bits(3);
    const selectorCount = reader.bits(15);
    if (groups < 2 || groups > 6 || selectorCount === 0) throw this.fail("a block's number of tables");
    const selectors = this.#selectors(reader, groups, selectorCount);
    const tables = Array.from({ length: groups }, () => this.#table(reader, symbols.length + 2));
    const counts = this.#symbols(reader, symbols, selectors, tables);
    this.#invert(counts);
  }

  #usedSymbols(reader: BitReader): Uint8Array {
    const rows = reader.bits(16);
    const used: number[] = [];
    for (let row = 0; row < 16; row++) {
      if (((rows >>> (15 - row)) & 1) === 0) continue;
      const bits = reader.bits(16);
      for (let i = 0; i < 16; i++) if (((bits >>> (15 - i)) & 1) === 1) used.push(row * 16 + i);
    }
    if (used.length === 0) throw this.fail("a block without symbols");
    return Uint8Array.from(used);
  }

  #selectors(reader: BitReader, groups: number, count: number): Uint8Array {
    const order = Array.from({ length: groups }, (_, i) => i);
    const selectors = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      let index = 0;
      while (reader.bits(1) === 1) if (++index >= groups) throw this.fail("a block's choice of tables");
      const [found = 0] = order.splice(index, 1);
      order.unshift(found);
      selectors[i] = found;
    }
    return selectors;
  }

  #table(reader: BitReader, size: number): HuffmanTable {
    const lengths = new Uint8Array(size);
    let length = reader.bits(5);
    for (let i = 0; i < size; i++) {
      for (;;) {
        if (length < 1 || length > MAX_LENGTH) throw this.fail("the length of a code");
        if (reader.bits(1) === 0) break;
        length += reader.bits(1) === 0 ? 1 : -1;
      }
      lengths[i] = length;
    }
    return huffmanTable(lengths);
  }

  /** Decodes the symbols into `next`, as bytes. Returns how often each occurs. */
  #symbols(reader: BitReader, used: Uint8Array, selectors: Uint8Array, tables: readonly HuffmanTable[]): Uint32Array {
    const order = used.slice();
    const counts = new Uint32Array(256);
    const next = this.#next;
    const end = used.length + 1;
    let at = 0;
    let run = 0;
    let weight = 1;
    for (let group = 0; ; group++) {
      if (group >= selectors.length) throw this.fail("a block without an end");
      const table = tables[selectors[group] as number] as HuffmanTable;
      for (let i = 0; i < GROUP; i++) {
        const symbol = decode(reader, table);
        if (symbol < 0) throw this.fail("a code that is of no symbol");
        if (symbol <= 1) {
          run += weight << symbol;
          weight *= 2;
          if (run > this.size) throw this.fail("a run that is longer than a block");
          continue;
        }
        if (run > 0) {
          if (at + run > this.size) throw this.fail("more bytes than a block has");
          const byte = order[0] as number;
          next.fill(byte, at, at + run);
          counts[byte] = (counts[byte] as number) + run;
          at += run;
          run = 0;
          weight = 1;
        }
        if (symbol === end) {
          this.#count = at;
          if (this.#origin >= at) throw this.fail("where a block begins");
          return counts;
        }
        if (at === this.size) throw this.fail("more bytes than a block has");
        const index = symbol - 1;
        const byte = order[index] as number;
        order.copyWithin(1, 0, index);
        order[0] = byte;
        counts[byte] = (counts[byte] as number) + 1;
        next[at++] = byte;
      }
      if (reader.over) throw this.fail("a block without an end");
    }
  }

  #invert(counts: Uint32Array): void {
    let sum = 0;
    const starts = counts.map((count) => {
      sum += count;
      return sum - count;
    });
    const next = this.#next;
    for (let i = 0; i < this.#count; i++) {
      const byte = (next[i] as number) & 0xff;
      const at = starts[byte] as number;
      starts[byte] = at + 1;
      next[at] = ((next[at] as number) | (i << 8)) >>> 0;
    }
  }

  /** The block's bytes with their run lengths expanded: four equal bytes are followed by the number of further ones. */
  *pieces(): Generator<Uint8Array, void, undefined> {
    const next = this.#next;
    let out = new Uint8Array(PIECE);
    let fill = 0;
    let entry = next[this.#origin] as number;
    let last = -1;
    let equal = 0;
    for (let i = 0; i < this.#count; i++) {
      entry = next[entry >>> 8] as number;
      const byte = entry & 0xff;
      const isCount = equal === 4;
      let times = isCount ? byte : 1;
      const value = isCount ? last : byte;
      equal = isCount ? 0 : byte === last ? equal + 1 : 1;
      last = isCount ? -1 : byte;
      for (; times > 0; times--) {
        out[fill++] = value;
        if (fill < PIECE) continue;
        yield out;
        out = new Uint8Array(PIECE);
        fill = 0;
      }
    }
    if (fill > 0) yield out.subarray(0, fill);
  }
}

/** Codes of each length: the last code, and where its symbols begin. */
interface HuffmanTable {
  readonly limit: Int32Array;
  readonly base: Int32Array;
  readonly symbols: Uint16Array;
}

function huffmanTable(lengths: Uint8Array): HuffmanTable {
  const limit = new Int32Array(MAX_LENGTH + 1).fill(-1);
  const base = new Int32Array(MAX_LENGTH + 1);
  const symbols = new Uint16Array(lengths.length);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= MAX_LENGTH; length++) {
    const first = code;
    const start = index;
    lengths.forEach((one, symbol) => {
      if (one === length) {
        symbols[index++] = symbol;
        code++;
      }
    });
    if (code > first) limit[length] = code - 1;
    base[length] = start - first;
    code <<= 1;
  }
  return { limit, base, symbols };
}

/** The next symbol; -1 if no code fits. */
function decode(reader: BitReader, { limit, base, symbols }: HuffmanTable): number {
  const word = reader.bits(MAX_LENGTH);
  for (let length = 1; length <= MAX_LENGTH; length++) {
    const code = word >>> (MAX_LENGTH - length);
    const last = limit[length] as number;
    if (last >= 0 && code <= last && code + (base[length] as number) >= 0) {
      reader.position -= MAX_LENGTH - length;
      return symbols[code + (base[length] as number)] ?? -1;
    }
  }
  return -1;
}

/** bzip2's checksum: CRC-32 with the opposite bit order of zlib's. */
class Crc {
  #value = -1;

  update(bytes: Uint8Array): void {
    let value = this.#value;
    for (let i = 0; i < bytes.length; i++) {
      value = (value << 8) ^ (CRC_TABLE[(value >>> 24) ^ (bytes[i] as number)] as number);
    }
    this.#value = value;
  }

  digest(): number {
    return ~this.#value >>> 0;
  }
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let i = 0; i < 8; i++) value = (value << 1) ^ (value < 0 ? 0x04c11db7 : 0);
  return value;
});
