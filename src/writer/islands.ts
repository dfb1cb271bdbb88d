import { nextRun, type PageBitmap, runsFrom } from "../reader/bitmap.js";
import { firstAbove } from "../sorted.js";

/**
 * How kept pages are stored in an ELF file: islands of pages that are contiguous in memory and in the file. Dropped
 * pages within an island are holes: bytes that are never written and read as zeros.
 */
export interface Islands {
  readonly startPfn: readonly number[];
  readonly endPfn: readonly number[];
  /** Byte offset of each island in the data area. */
  readonly offset: readonly number[];
  /** Bytes of the data area. */
  readonly size: number;
}

/** Each island costs a program header, and readers search all of them for every read. */
const COMFORTABLE = 4096;
/** Holes of more pages than this always end an island, as in makedumpfile's files. */
const MAX_GAP_BITS = 8;

/** Limits for the number of islands. */
export interface IslandLimits {
  /** If there would be more islands, short holes become part of them. Default: 4096. */
  readonly comfortable?: number;
  /**
   * The most islands that the format can describe: above that, longer holes become part of islands too, until they fit.
   */
  readonly limit?: number | undefined;
}

/**
 * Cuts the kept pages into islands. A run of dropped pages ends an island if it is at least some power of two long: the
 * smallest one, from 1 to 256 pages, with which the number of islands stays comfortable.
 */
export function findIslands(
  kept: PageBitmap,
  maxMapnr: number,
  pageSize: number,
  { comfortable = COMFORTABLE, limit = Number.POSITIVE_INFINITY }: IslandLimits = {},
): Islands {
  const gaps = gapsOf(kept, maxMapnr);
  let shift = 0;
  let islands = 1 + gaps.reduce((sum, n) => sum + n, 0);
  while ((islands > comfortable && shift < MAX_GAP_BITS) || (islands > limit && shift < gaps.length)) {
    islands -= gaps[shift] as number;
    shift++;
  }
  const minGap = 2 ** shift;
  const startPfn: number[] = [];
  const endPfn: number[] = [];
  for (const run = runsFrom(0); nextRun(kept, run, maxMapnr); ) {
    const previous = endPfn.length - 1;
    if (previous >= 0 && run.start - (endPfn[previous] as number) < minGap) endPfn[previous] = run.end;
    else {
      startPfn.push(run.start);
      endPfn.push(run.end);
    }
  }
  const offset: number[] = [];
  let size = 0;
  for (let i = 0; i < startPfn.length; i++) {
    offset.push(size);
    size += ((endPfn[i] as number) - (startPfn[i] as number)) * pageSize;
  }
  return { startPfn, endPfn, offset, size };
}

/** How many runs of dropped pages between kept ones are at least 2^n pages long, and less than twice that; by n. */
function gapsOf(kept: PageBitmap, maxMapnr: number): number[] {
  const gaps = new Array<number>(64).fill(0);
  const run = runsFrom(0);
  if (!nextRun(kept, run, maxMapnr)) return gaps;
  for (let last = run.end; nextRun(kept, run, maxMapnr); last = run.end) {
    const bits = Math.floor(Math.log2(run.start - last));
    gaps[bits] = (gaps[bits] as number) + 1;
  }
  return gaps;
}

/** The first island that ends above `pfn`. */
export function firstIsland({ endPfn }: Islands, pfn: number): number {
  return firstAbove(endPfn, pfn);
}
