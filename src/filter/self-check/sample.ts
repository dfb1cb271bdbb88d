import { type AddressSpace, readVirtual } from "../../kernel/address-space.js";
import { type MemMap, structPageIn } from "../../kernel/page/mem-map.js";
import type { PageLayout } from "../../kernel/page/page-layout.js";
import { countBits, findBit } from "../../reader/bitmap.js";
import type { Dump } from "../../reader/dump.js";
import { HOST_LITTLE } from "../../reader/fields.js";
import { expectReads } from "../../reader/source/coming-reads.js";
import type { PagePlan } from "../plan.js";

/** Consecutive struct pages. */
export interface SampleBlock {
  readonly firstPfn: number;
  readonly count: number;
  /** Their words of 32 bits. Those of an unsigned long are in the machine's order. */
  readonly words: Int32Array;
  /** Virtual address of the first. */
  readonly address: bigint;
}

/** Blocks in a sample, and struct pages per block: 64 reads of 8 KiB, independent of the dump's size. */
const BLOCKS = 64;
const BLOCK_PAGES = 128;

/**
 * Reads struct pages of existing pages, evenly spread over all of them. Skips blocks whose struct pages cannot be read
 * completely.
 */
export function sampleStructPages(
  space: AddressSpace,
  { image, memory }: Pick<Dump, "image" | "memory">,
  memMap: MemMap,
  { size, littleEndian }: PageLayout,
  { exists, maxMapnr }: Pick<PagePlan, "exists" | "maxMapnr">,
): SampleBlock[] {
  const places: Omit<SampleBlock, "words">[] = [];
  const starts = memMap.startPfn.subarray(0, memMap.count);
  /** A section may reach beyond the dump's memory. */
  const ends = memMap.endPfn.subarray(0, memMap.count).map((end) => Math.min(end, maxMapnr));
  let total = 0;
  for (let i = 0; i < memMap.count; i++) total += countBits(exists, starts[i] as number, ends[i] as number);
  const step = Math.max(BLOCK_PAGES, Math.floor(total / BLOCKS));
  let next = 0;
  for (let range = 0; range < memMap.count; range++) {
    const start = starts[range] as number;
    const end = ends[range] as number;
    for (;;) {
      // If a block would be in a hole, the memory behind it is used.
      const from = Math.max(start, next);
      const pfn = from < end ? findBit(exists, from, end, true) : end;
      if (pfn >= end) break;
      next = pfn + step;
      const count = Math.min(BLOCK_PAGES, end - pfn);
      const address = structPageIn(memMap, size, range, pfn);
      places.push({ firstPfn: pfn, count, address });
    }
  }
  expectReads(image, function* () {
    for (const { address, count } of places) {
      for (let done = 0; done < count * size; ) {
        const found = space.translate(address + BigInt(done));
        if (found === undefined) break;
        const length = Math.min(found.length, count * size - done);
        yield [found.paddr, found.paddr + length];
        done += length;
      }
    }
  });
  const blocks: SampleBlock[] = [];
  for (const place of places) {
    const bytes = Buffer.alloc(place.count * size);
    if (readVirtual(space, memory, bytes, place.address) < bytes.length) continue;
    if (littleEndian !== HOST_LITTLE) bytes.swap32();
    blocks.push({ ...place, words: new Int32Array(bytes.buffer, 0, bytes.length / 4) });
  }
  return blocks;
}
