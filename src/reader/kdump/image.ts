import { DumpError } from "../../errors.js";
import { countBits, findBit, setBits, testBit } from "../bitmap.js";
import type { ByteSource } from "../byte-source.js";
import { pageDecoder } from "../decode.js";
import type { PageBitmaps, PhysicalMemory } from "../dump.js";
import { attachSource, type SourceImage } from "../source-image.js";
import { tolerantMemory } from "../tolerant-memory.js";
import { PAGE_DESC_SIZE } from "./layout.js";

/** An opened kdump-compressed dump, one file or a split set, as plain data. */
export interface KdumpImage {
  readonly kind: "kdump";
  readonly littleEndian: boolean;
  /** Unit of bitmaps and descriptors: the page size but for QEMU's dumps of arm64 and ppc64 (64 KiB always). */
  readonly blockSize: number;
  /** Bytes of a page of the kernel. */
  readonly pageSize: number;
  /** Blocks that the bitmaps count. */
  readonly maxMapnr: number;
  /** Number of the block that bit 0 stands for: 0, but for 32-bit ARM, where it is the start of memory. */
  readonly firstBlock: number;
  /** First bitmap: blocks that exist. Shared memory. */
  readonly exists: Uint8Array;
  /** Second bitmap: blocks that have a descriptor. Shared memory. */
  readonly dumped: Uint8Array;
  /** Blocks whose content the files have: `dumped` itself but for damaged dumps that are salvaged. Shared memory. */
  readonly present: Uint8Array;
  /** Blocks that cannot be read are as if they were not there. */
  readonly tolerant: boolean;
  /** Set bits of `dumped` before each RANK_STEP blocks: Float64, shared memory. */
  readonly rank: Float64Array;
  /** Ascending by pfn, without gaps. */
  readonly parts: readonly KdumpPart[];
}

export interface KdumpPart {
  readonly source: SourceImage;
  readonly startPfn: number;
  readonly endPfn: number;
  /** File offset of the descriptor of the first dumped block from `startPfn` on. */
  readonly descriptors: number;
}

/** 512 bytes of bitmap: counting within a step costs 0.3 us at most, the table 512 KiB per TiB of 4 KiB pages. */
export const RANK_STEP = 4096;
/** Descriptors read at once. */
const DESC_WINDOW = 2048;
/** Bytes of page data read at once: the pages of a run lie behind each other. */
const DATA_WINDOW = 256 * 1024;

export function buildRank(dumped: Uint8Array, blocks: number): Float64Array {
  const steps = Math.ceil(blocks / RANK_STEP) + 1;
  const rank = new Float64Array(new SharedArrayBuffer(8 * steps));
  for (let i = 0; i + 1 < steps; i++) {
    const end = Math.min((i + 1) * RANK_STEP, blocks);
    rank[i + 1] = (rank[i] as number) + countBits(dumped, i * RANK_STEP, end);
  }
  return rank;
}

/** How many blocks below `pfn` have a descriptor. */
function rankOf(image: KdumpImage, pfn: number): number {
  const step = Math.floor(pfn / RANK_STEP);
  return (image.rank[step] as number) + countBits(image.dumped, step * RANK_STEP, pfn);
}

/** Physical memory of a kdump-compressed dump. */
export function kdumpMemory(image: KdumpImage): PhysicalMemory {
  const memory = strictMemory(image);
  return image.tolerant ? tolerantMemory(memory, image.pageSize) : memory;
}

function strictMemory(image: KdumpImage): PhysicalMemory {
  const { blockSize, firstBlock } = image;
  const readers = image.parts.map((part) => new PartReader(image, part));
  // Small reads (page tables, structs) come several to a block: the last blocks decoded are kept.
  const recent: RecentBlock[] = [0, 1, 2, 3].map(() => ({ pfn: undefined, bytes: new Uint8Array(blockSize) }));
  let turn = 0;
  const partOf = (pfn: number) => readers.find(({ part }) => pfn >= part.startPfn && pfn < part.endPfn);
  const readBlock = (pfn: number, into: Uint8Array) => {
    const reader = partOf(pfn);
    if (reader === undefined) return false;
    reader.readBlock(pfn, into);
    return true;
  };
  const heldBlock = (pfn: number): Uint8Array | undefined => {
    const held = recent.find((entry) => entry.pfn === pfn);
    if (held !== undefined) return held.bytes;
    const entry = recent[turn] as RecentBlock;
    turn = (turn + 1) % recent.length;
    entry.pfn = undefined;
    if (!readBlock(pfn, entry.bytes)) return undefined;
    entry.pfn = pfn;
    return entry.bytes;
  };
  return {
    read(into, paddr) {
      let done = 0;
      while (done < into.length) {
        const address = paddr + done;
        const block = Math.floor(address / blockSize);
        const pfn = block - firstBlock;
        if (pfn < 0 || pfn >= image.maxMapnr || !testBit(image.present, pfn)) return done;
        const within = address - block * blockSize;
        const n = Math.min(blockSize - within, into.length - done);
        if (n === blockSize) {
          if (!readBlock(pfn, into.subarray(done, done + n))) return done;
        } else {
          const held = heldBlock(pfn);
          if (held === undefined) return done;
          into.set(held.subarray(within, within + n), done);
        }
        done += n;
      }
      return done;
    },
    next(paddr) {
      const block = Math.max(0, Math.floor(paddr / blockSize) - firstBlock);
      const found = findBit(image.present, block, image.maxMapnr, true);
      if (found >= image.maxMapnr) return Number.POSITIVE_INFINITY;
      return Math.max(paddr, (found + firstBlock) * blockSize);
    },
  };
}

interface RecentBlock {
  pfn: number | undefined;
  readonly bytes: Uint8Array;
}

/** Reads blocks of one file: a window of descriptors and a window of page data, since blocks are asked for in order. */
class PartReader {
  readonly part: KdumpPart;
  readonly #image: KdumpImage;
  readonly #source: ByteSource;
  readonly #firstRank: number;
  readonly #descBytes = new Uint8Array(DESC_WINDOW * PAGE_DESC_SIZE);
  readonly #desc: DataView;
  #descFirst = 0;
  #descCount = 0;
  readonly #data: Uint8Array;
  #dataStart = 0;
  #dataLength = 0;

  constructor(image: KdumpImage, part: KdumpPart) {
    this.#image = image;
    this.part = part;
    this.#source = attachSource(part.source);
    this.#firstRank = rankOf(image, part.startPfn);
    this.#desc = new DataView(this.#descBytes.buffer);
    this.#data = new Uint8Array(Math.max(DATA_WINDOW, image.blockSize));
  }

  readBlock(pfn: number, into: Uint8Array): void {
    const index = rankOf(this.#image, pfn) - this.#firstRank;
    if (index < this.#descFirst || index >= this.#descFirst + this.#descCount) this.#loadDescriptors(index);
    const at = (index - this.#descFirst) * PAGE_DESC_SIZE;
    const position = this.part.descriptors + index * PAGE_DESC_SIZE;
    if (index >= this.#descFirst + this.#descCount)
      this.#fail("TRUNCATED", pfn, position, "its descriptor is beyond the file's end");
    const little = this.#image.littleEndian;
    const offset = Number(this.#desc.getBigInt64(at, little));
    const size = this.#desc.getUint32(at + 8, little);
    const flags = this.#desc.getUint32(at + 12, little);
    if (offset === 0) this.#fail("TRUNCATED", pfn, position, "the dump is incomplete and does not have it");
    if (size === 0 || size > this.#image.blockSize || offset < 0) {
      this.#fail(
        "CORRUPT",
        pfn,
        position,
        `its descriptor says ${size} bytes at ${offset}, of a block of ${this.#image.blockSize}`,
      );
    }
    const data = this.#dataAt(offset, size);
    if (data.length < size) this.#fail("TRUNCATED", pfn, offset, `${size} bytes expected, ${data.length} are there`);
    const n = pageDecoder(flags, this.#source.name)(data, into);
    if (n !== into.length) {
      const found = n < 0 ? "is no valid stream" : `decodes to ${n} bytes, not ${into.length}`;
      this.#fail("CORRUPT", pfn, offset, `its data (flags 0x${flags.toString(16)}) ${found}`);
    }
  }

  #loadDescriptors(index: number): void {
    const n = this.#source.read(this.#descBytes, this.part.descriptors + index * PAGE_DESC_SIZE);
    this.#descFirst = index;
    this.#descCount = Math.floor(n / PAGE_DESC_SIZE);
  }

  #dataAt(offset: number, size: number): Uint8Array {
    if (offset < this.#dataStart || offset + size > this.#dataStart + this.#dataLength) {
      this.#dataLength = this.#source.read(this.#data, offset);
      this.#dataStart = offset;
    }
    const start = offset - this.#dataStart;
    return this.#data.subarray(start, Math.min(start + size, this.#dataLength));
  }

  #fail(code: "CORRUPT" | "TRUNCATED", pfn: number, offset: number, what: string): never {
    throw new DumpError(code, `the page at pfn 0x${pfn.toString(16)} cannot be read: ${what}`, {
      file: this.#source.name,
      offset,
      cure: "Copy the dump again from where it was made, or leave out what cannot be read with --salvage",
    });
  }
}

/** Sets the bits of a kdump-compressed dump's pages. */
export function kdumpBitmaps(image: KdumpImage, bitmaps: PageBitmaps): void {
  const expand = (from: Uint8Array, to: Uint8Array) => {
    if (image.blockSize === image.pageSize && image.firstBlock === 0) {
      to.set(from.subarray(0, to.length));
      return;
    }
    const limit = to.length * 8;
    let pfn = findBit(from, 0, image.maxMapnr, true);
    while (pfn < image.maxMapnr) {
      const end = findBit(from, pfn, image.maxMapnr, false);
      const first = Math.floor(((pfn + image.firstBlock) * image.blockSize) / image.pageSize);
      const last = Math.ceil(((end + image.firstBlock) * image.blockSize) / image.pageSize);
      setBits(to, Math.min(first, limit), Math.min(last, limit));
      pfn = findBit(from, end, image.maxMapnr, true);
    }
  };
  const { exists, data } = bitmaps;
  expand(image.exists, exists);
  expand(image.present, data);
  // Of a damaged dump: what has data exists, whatever the first bitmap says. An output must not contradict itself. 50 ms per TiB.
  for (let i = 0; i < data.length; i++) exists[i] = (exists[i] as number) | (data[i] as number);
}
