/** Comparing the pages of an output with the original's, by readers that are not the program's own. */
import { bitmapPfns } from "./golden.js";
import { openElf } from "./other-elf.js";
import { openKdump } from "./other-kdump.js";

/** What a comparison found. All the lists are empty when an output is right. */
export interface PageComparison {
  /** Pages whose bytes were compared and are the same. */
  same: number;
  /** Pages of zeros among them. */
  zero: number;
  /** The first few pfns whose bytes differ. */
  readonly different: number[];
  /** The first few pfns that the output has and the original does not. */
  readonly unknown: number[];
  /** The first few pfns that the output should not hold and holds with bytes other than zero (ELF). */
  readonly leaked: number[];
}

/** Enough to see what is wrong, and short enough to print. */
const listLimit = 10;

/** Compares every page of a kdump-compressed file with the ELF dump it was made from. */
export function compareKdumpWithElf(kdumpPath: string, elfPath: string): PageComparison {
  const result = emptyComparison();
  const kdump = openKdump(kdumpPath);
  const elf = openElf(elfPath);
  try {
    const { blockSize, split, startPfn, endPfn, firstPfn } = kdump.facts;
    const zero = Buffer.alloc(blockSize);
    let index = 0;
    for (const pfn of bitmapPfns(kdump.bitmap2)) {
      if (split !== 0 && (pfn < startPfn || pfn >= endPfn)) {
        continue;
      }
      const page = kdump.content(kdump.descriptor(index++));
      count(result, firstPfn + pfn, page, elf.page(firstPfn + pfn, blockSize), zero);
    }
  } finally {
    elf.close();
    kdump.close();
  }
  return result;
}

/**
 * Compares an ELF output with the ELF dump it was made from. `kept` is the set of pages that have to be there; any other
 * page must be absent or zero, so that what was dropped is really gone.
 */
export function compareElfWithElf(
  outputPath: string,
  elfPath: string,
  kept: Iterable<number>,
  pageSize: number,
): PageComparison {
  const result = emptyComparison();
  const output = openElf(outputPath);
  const elf = openElf(elfPath);
  try {
    const zero = Buffer.alloc(pageSize);
    const wanted = new Set(kept);
    for (const pfn of wanted) {
      count(result, pfn, output.page(pfn, pageSize) ?? zero, elf.page(pfn, pageSize), zero);
    }
    for (const pfn of output.pfns(pageSize)) {
      if (!wanted.has(pfn) && output.page(pfn, pageSize)?.equals(zero) === false) {
        note(result.leaked, pfn);
      }
    }
  } finally {
    elf.close();
    output.close();
  }
  return result;
}

/** A comparison in which nothing was wrong; the counts are for the test to judge. */
export function isRight(result: PageComparison): boolean {
  return result.different.length === 0 && result.unknown.length === 0 && result.leaked.length === 0;
}

function emptyComparison(): PageComparison {
  return { same: 0, zero: 0, different: [], unknown: [], leaked: [] };
}

function count(result: PageComparison, pfn: number, page: Buffer, original: Buffer | undefined, zero: Buffer): void {
  if (original === undefined) {
    note(result.unknown, pfn);
  } else if (page.equals(original)) {
    result.same++;
    result.zero += page.equals(zero) ? 1 : 0;
  } else {
    note(result.different, pfn);
  }
}

function note(list: number[], pfn: number): void {
  if (list.length < listLimit) {
    list.push(pfn);
  }
}
