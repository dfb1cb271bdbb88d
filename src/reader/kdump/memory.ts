import { copyBits, findBit, type PageBitmap, setBits, testBit } from "../bitmap.js";
import type { PageBitmaps, PhysicalMemory } from "../physical-memory.js";
import { bytesHeld } from "../source/source-image.js";
import { type Stretches, stretchesOver } from "../stretches.js";
import { tolerantMemory } from "../tolerant-memory.js";
import type { KdumpImage } from "./image.js";
import { PartReader } from "./part-reader.js";

/** Physical memory of a kdump-compressed dump. */
export function kdumpMemory(image: KdumpImage): PhysicalMemory {
  const memory = { ...strictMemory(image), held: bytesHeld(...image.parts.map(({ source }) => source)) };
  return image.tolerant ? tolerantMemory(memory, image.pageSize) : memory;
}

function strictMemory(image: KdumpImage): PhysicalMemory {
  const { blockSize, firstBlock } = image;
  const readers = image.parts.map((part) => new PartReader(image, part));
  // Several small reads (page tables, structs) often hit the same block, so the blocks that were decoded last are kept.
  const recent: RecentBlock[] = [0, 1, 2, 3].map(() => ({ pfn: undefined, bytes: new Uint8Array(blockSize) }));
  let turn = 0;
  const partOf = (pfn: number) => readers.find(({ part }) => pfn >= part.startPfn && pfn < part.endPfn);
  const heldBlock = (pfn: number): Uint8Array | undefined => {
    const held = recent.find((entry) => entry.pfn === pfn);
    if (held !== undefined) return held.bytes;
    const entry = recent[turn] as RecentBlock;
    turn = (turn + 1) % recent.length;
    entry.pfn = undefined;
    const reader = partOf(pfn);
    if (reader === undefined) return undefined;
    reader.readBlocks(pfn, 1, entry.bytes, 0);
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
          const reader = partOf(pfn);
          if (reader === undefined) return done;
          const most = Math.min(pfn + Math.floor((into.length - done) / blockSize), reader.part.endPfn, image.maxMapnr);
          const blocks = findBit(image.present, pfn, most, false) - pfn;
          reader.readBlocks(pfn, blocks, into, done);
          done += blocks * blockSize;
        } else {
          const held = heldBlock(pfn);
          if (held === undefined) return done;
          into.set(held.subarray(within, within + n), done);
          done += n;
        }
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

/**
 * The stretches of the pages of a kdump-compressed dump: those of its blocks, unless page size or first page differ.
 */
export function kdumpStretches({ exists, firstBlock, blockSize, pageSize, maxMapnr }: KdumpImage): Stretches {
  if (blockSize === pageSize && firstBlock === 0) return exists.stretches;
  const pageOf = (block: number) => ((block + firstBlock) * blockSize) / pageSize;
  const { count, start, end } = exists.stretches;
  const ranges = Array.from({ length: count }, (_, i) => ({
    start: Math.floor(pageOf(start[i] as number)),
    end: Math.ceil(pageOf(Math.min(maxMapnr, end[i] as number))),
  }));
  return stretchesOver(ranges, Math.ceil(pageOf(maxMapnr)));
}

/** Sets the bits of a kdump-compressed dump's pages. */
export function kdumpBitmaps(image: KdumpImage, bitmaps: PageBitmaps): void {
  const expand = (from: PageBitmap, to: PageBitmap) => {
    if (image.blockSize === image.pageSize && image.firstBlock === 0) {
      copyBits(from, to);
      return;
    }
    let pfn = findBit(from, 0, image.maxMapnr, true);
    while (pfn < image.maxMapnr) {
      const end = findBit(from, pfn, image.maxMapnr, false);
      const first = Math.floor(((pfn + image.firstBlock) * image.blockSize) / image.pageSize);
      const last = Math.ceil(((end + image.firstBlock) * image.blockSize) / image.pageSize);
      setBits(to, first, last);
      pfn = findBit(from, end, image.maxMapnr, true);
    }
  };
  const { exists, data } = bitmaps;
  expand(image.present, data);
  if (exists === undefined) return;
  expand(image.exists, exists);
  // In a damaged dump a page that has data exists, whatever the first bitmap says: an output must not contradict
  // itself. Takes 50 ms per TiB.
  const [there, have] = [exists.bytes, data.bytes];
  for (let i = 0; i < have.length; i++) there[i] = (there[i] as number) | (have[i] as number);
}
