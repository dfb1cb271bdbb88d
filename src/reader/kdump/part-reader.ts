import { type BlockDecoder, blockDecoder } from "../../codec/decode.js";
import { decodeMemory, INPUT_AT, lendWindow, ownsWindow, WINDOW_BYTES } from "../../codec/decode-memory.js";
import { frameHolds } from "../../codec/zstd.js";
import { DumpError } from "../../errors.js";
import { OPTION } from "../../option-words.js";
import type { ByteSource } from "../source/byte-source.js";
import { attachSource } from "../source/source-image.js";
import { type KdumpImage, type KdumpPart, rankOf } from "./image.js";
import { PAGE_DESC_SIZE } from "./layout.js";

/** Descriptors that are read at once. */
const DESC_WINDOW = 2048;
/** Bytes of data that are read at once if blocks are read here and there. */
const LEAST_AHEAD = 16 * 1024;
/** A gap in the file that does not count as a jump: the bytes that other threads read between two tasks of this one. */
const NEAR = 8 * 1024 * 1024;

/** The most blocks that one call decodes. */
const MOST_JOINED = 32;

/** The fields of a descriptor. */
interface Descriptor {
  offset: number;
  size: number;
  flags: number;
}

/**
 * Reads blocks of one file, through a window of descriptors and a window of data, because blocks are mostly read in
 * order and their data are stored in order. A block costs its decoding and 0.5 µs, or 0.2 µs if it shares its data with
 * the last block that did.
 */
export class PartReader {
  readonly #source: ByteSource;
  readonly #firstRank: number;
  readonly #descBytes = new Uint8Array(DESC_WINDOW * PAGE_DESC_SIZE);
  readonly #desc: DataView;
  #descFirst = 0;
  #descCount = 0;
  /** The block that was read last, and the index of its descriptor in the part. */
  #pfn = -1;
  #index = 0;
  /**
   * Where the data of the last block ended, not counting shared data. Data before it have been read for an earlier
   * block.
   */
  #front = 0;
  /** The owner by whose name a window of the thread's decode memory is held, and where that window is. */
  readonly #owner = {};
  #window = -1;
  /** File offset of the window's first byte, and number of bytes in it. */
  #dataStart = 0;
  #dataLength = 0;
  #ahead = LEAST_AHEAD;
  /** The data of the last block that shares them with an earlier one: in most dumps the page of zeros. */
  readonly #shared: Uint8Array;
  readonly #sharedBy: Descriptor = { offset: -1, size: 0, flags: 0 };
  readonly #read: Descriptor = { offset: 0, size: 0, flags: 0 };

  constructor(
    private readonly image: KdumpImage,
    readonly part: KdumpPart,
  ) {
    this.#source = attachSource(part.source);
    this.#firstRank = rankOf(image, part.startPfn);
    this.#desc = new DataView(this.#descBytes.buffer);
    this.#shared = new Uint8Array(image.blockSize);
  }

  /**
   * Reads `count` blocks from `pfn` on into `into`, from byte `at` on. The file must have these blocks. Throws
   * `CORRUPT` and `TRUNCATED`.
   */
  readBlocks(pfn: number, count: number, into: Uint8Array, at: number): void {
    const { blockSize } = this.image;
    for (let i = 0; i < count; ) i += this.#readSome(pfn + i, count - i, into, at + i * blockSize);
  }

  /** Reads one block, or several if they are not compressed and contiguous. Returns how many. */
  #readSome(pfn: number, most: number, into: Uint8Array, at: number): number {
    const { blockSize } = this.image;
    const onwards = pfn > this.#pfn;
    const index = this.#indexOf(pfn);
    this.#load(index, pfn);
    const { offset, size, flags } = this.#read;
    const by = this.#sharedBy;
    if (offset === by.offset && size === by.size && flags === by.flags) {
      into.set(this.#shared, at);
      return 1;
    }
    const isShared = onwards && offset < this.#front;
    if (flags === 0 && size === blockSize && !isShared) return this.#copyBlocks(pfn, index, most, into, at);
    const from = isShared ? this.#dataBefore(pfn, offset, size) : this.#dataAt(pfn, offset, size, onwards);
    const decoder = blockDecoder(flags, this.#source.name);
    if (decoder.joins && !isShared) {
      const count = this.#decodeJoined(decoder, from, index, most, into, at);
      if (count > 1) return count;
    }
    const n = decoder.decode(from, size, into, at, blockSize);
    if (n !== blockSize) {
      const found = n < 0 ? "is not a valid stream" : `decodes to ${n} bytes, not ${blockSize}`;
      this.#fail("CORRUPT", pfn, offset, `its data (flags 0x${flags.toString(16)}) ${found}`);
    }
    if (isShared) {
      this.#shared.set(into.subarray(at, at + blockSize));
      Object.assign(by, this.#read);
    } else this.#front = offset + size;
    return 1;
  }

  #indexOf(pfn: number): number {
    if (pfn !== this.#pfn + 1 || this.#pfn < 0) this.#index = rankOf(this.image, pfn) - this.#firstRank;
    else this.#index++;
    this.#pfn = pfn;
    return this.#index;
  }

  /** Makes a descriptor the current one (#read). */
  #load(index: number, pfn: number): void {
    if (index < this.#descFirst || index >= this.#descFirst + this.#descCount) {
      const n = this.#source.read(this.#descBytes, this.part.descriptors + index * PAGE_DESC_SIZE);
      this.#descFirst = index;
      this.#descCount = Math.floor(n / PAGE_DESC_SIZE);
    }
    const position = this.part.descriptors + index * PAGE_DESC_SIZE;
    if (this.#descCount === 0) this.#fail("TRUNCATED", pfn, position, "its descriptor is beyond the file's end");
    const into = this.#read;
    this.#parse(index, into);
    const { blockSize } = this.image;
    if (into.offset === 0) this.#fail("TRUNCATED", pfn, position, "the dump is incomplete and does not have it");
    if (into.size === 0 || into.size > blockSize || into.offset < 0) {
      const says = this.#desc.getBigInt64((index - this.#descFirst) * PAGE_DESC_SIZE, this.image.littleEndian);
      const what = `its descriptor says ${into.size} bytes at ${says}, of a block of ${blockSize}`;
      this.#fail("CORRUPT", pfn, position, what);
    }
  }

  /**
   * Parses a descriptor in the window. The offset is read in two halves, because a bigint would be allocated; -1 if it
   * is negative.
   */
  #parse(index: number, into: Descriptor): void {
    const little = this.image.littleEndian;
    const at = (index - this.#descFirst) * PAGE_DESC_SIZE;
    const high = this.#desc.getUint32(at + (little ? 4 : 0), little);
    const offset = high * 2 ** 32 + this.#desc.getUint32(at + (little ? 0 : 4), little);
    into.offset = high < 2 ** 31 ? offset : -1;
    into.size = this.#desc.getUint32(at + 8, little);
    into.flags = (this.#desc.getUint32(at + 12, little) & this.image.flagBits) >>> 0;
  }

  /**
   * Copies the block of #read, and all blocks after it whose data follow uncompressed, with one read. Returns how many.
   */
  #copyBlocks(pfn: number, index: number, most: number, into: Uint8Array, at: number): number {
    const { blockSize } = this.image;
    const { offset } = this.#read;
    const limit = Math.min(most, this.#descFirst + this.#descCount - index);
    const next: Descriptor = { offset: 0, size: 0, flags: 0 };
    let count = 1;
    for (; count < limit; count++) {
      this.#parse(index + count, next);
      if (next.flags !== 0 || next.size !== blockSize || next.offset !== offset + count * blockSize) break;
    }
    const got = this.#source.read(into.subarray(at, at + count * blockSize), offset);
    if (got < count * blockSize) {
      const whole = Math.floor(got / blockSize);
      this.#cutOff(pfn + whole, offset + whole * blockSize, blockSize, got - whole * blockSize);
    }
    this.#index += count - 1;
    this.#pfn += count - 1;
    this.#front = offset + count * blockSize;
    return count;
  }

  /**
   * Decodes the block of #read, whose data are at `from`, and the blocks after it as long as their data follow in the
   * window: a call of zstd costs 0.5 µs, however much it decodes. Returns how many; 0 if there is only one, or if
   * decoding failed: then the blocks are decoded one by one, which reports the error.
   */
  #decodeJoined(
    decoder: BlockDecoder,
    from: number,
    index: number,
    most: number,
    into: Uint8Array,
    at: number,
  ): number {
    const { blockSize } = this.image;
    const { offset, size, flags } = this.#read;
    const { bytes } = decodeMemory();
    const limit = Math.min(most, MOST_JOINED, this.#descFirst + this.#descCount - index);
    const next: Descriptor = { offset, size, flags };
    let end = offset;
    let count = 0;
    while (
      next.flags === flags &&
      next.offset === end &&
      next.size > 0 &&
      end + next.size <= this.#dataStart + this.#dataLength &&
      frameHolds(bytes, from + (end - offset), blockSize)
    ) {
      end += next.size;
      if (++count === limit) break;
      this.#parse(index + count, next);
    }
    if (count < 2 || decoder.decode(from, end - offset, into, at, count * blockSize) !== count * blockSize) return 0;
    this.#index += count - 1;
    this.#pfn += count - 1;
    this.#front = end;
    return count;
  }

  /**
   * The place in the decode memory of the data at a file offset. If they are not in the window, the window is read from
   * there on.
   */
  #dataAt(pfn: number, offset: number, size: number, onwards: boolean): number {
    if (!ownsWindow(this.#owner, this.#window)) {
      this.#window = lendWindow(this.#owner);
      this.#dataStart = this.#dataLength = 0;
    }
    const end = this.#dataStart + this.#dataLength;
    if (offset < this.#dataStart || offset + size > end) {
      const near = onwards && this.#dataLength > 0 && offset < end + NEAR;
      this.#ahead = near ? Math.min(WINDOW_BYTES, 4 * this.#ahead) : LEAST_AHEAD;
      const most = Math.max(this.#ahead, size);
      const into = decodeMemory().bytes.subarray(this.#window, this.#window + most);
      this.#dataLength = this.#source.read(into, offset);
      this.#dataStart = offset;
      if (this.#dataLength < size) this.#cutOff(pfn, offset, size, this.#dataLength);
    }
    return this.#window + (offset - this.#dataStart);
  }

  /** The same for data before those of the previous block: the window stays where it is. */
  #dataBefore(pfn: number, offset: number, size: number): number {
    const got = this.#source.read(decodeMemory().bytes.subarray(INPUT_AT, INPUT_AT + size), offset);
    if (got < size) this.#cutOff(pfn, offset, size, got);
    return INPUT_AT;
  }

  #cutOff(pfn: number, offset: number, expected: number, got: number): never {
    this.#fail("TRUNCATED", pfn, offset, `${expected} bytes expected, ${got} are there`);
  }

  #fail(code: "CORRUPT" | "TRUNCATED", pfn: number, offset: number, why: string): never {
    throw new DumpError(code, `the page at pfn 0x${pfn.toString(16)} cannot be read`, {
      why,
      file: this.#source.name,
      offset,
      cure: `Copy the dump again from where it was made, or leave out what cannot be read with ${OPTION.salvage}`,
    });
  }
}
