/** Comparing a set of kept pages with what makedumpfile kept: the golden files, and the hash they state it by. */
import { createHash } from "node:crypto";
import { openKdump } from "./other-kdump.js";

/** What makedumpfile kept and printed at one level. */
export interface GoldenLevel {
  /** The number of pages it printed for each class. On /proc/vmcore dumps these count overlaps twice. */
  readonly counts: {
    readonly original: number;
    readonly excluded: number;
    readonly zero: number;
    readonly cache_nonprivate: number;
    readonly cache_private: number;
    readonly user: number;
    readonly free: number;
    readonly hwpoison: number;
    readonly offline: number;
    readonly remaining: number;
    readonly hole: number;
    readonly total: number;
  };
  /** Bits set in the second bitmap. Zero pages keep their bit. */
  readonly kept: number;
  readonly kept_pfns_sha256: string;
  /** Bits set in the first bitmap: pages that are memory. */
  readonly ram: number;
  readonly ram_pfns_sha256: string;
  readonly max_mapnr: number;
  readonly block_size: number;
  /** Size of the file it wrote, in bytes. */
  readonly size: number;
}

/** NAME.golden.json. */
export interface Golden {
  readonly dump_size: number;
  readonly dump_sha256: string;
  readonly memory_model: string;
  readonly levels: Readonly<Record<string, GoldenLevel>>;
}

/** A set of pages, in the terms the golden files use. */
export interface PfnSet {
  readonly count: number;
  readonly sha256: string;
}

/** Parses a golden file and insists on all 32 levels, so that a half-made file is not half a test. */
export function parseGolden(json: string): Golden {
  const golden = JSON.parse(json) as Golden;
  for (let level = 0; level < 32; level++) {
    if (typeof golden.levels[String(level)]?.kept_pfns_sha256 !== "string") {
      throw new Error(`the golden file has no level ${level}`);
    }
  }
  return golden;
}

/** The answer for one level. */
export function goldenLevel(golden: Golden, level: number): GoldenLevel {
  const answer = golden.levels[String(level)];
  if (answer === undefined) {
    throw new Error(`the golden file has no level ${level}`);
  }
  return answer;
}

/** The kept pages of a level as a set, for one `expect(...).toEqual(...)`. */
export function goldenKept(golden: Golden, level: number): PfnSet {
  const answer = goldenLevel(golden, level);
  return { count: answer.kept, sha256: answer.kept_pfns_sha256 };
}

/** The pages that are memory, of a level, as a set. */
export function goldenRam(golden: Golden, level: number): PfnSet {
  const answer = goldenLevel(golden, level);
  return { count: answer.ram, sha256: answer.ram_pfns_sha256 };
}

/** Counts and hashes pfns given in ascending order: sha256 over them as little-endian u64. */
export function pfnSet(pfns: Iterable<number>): PfnSet {
  const hash = createHash("sha256");
  const batch = new BigUint64Array(8192);
  const bytes = new DataView(batch.buffer);
  let count = 0;
  let filled = 0;
  let last = -1;
  for (const pfn of pfns) {
    if (pfn <= last) {
      throw new Error(`pfns are not ascending: ${pfn} after ${last}`);
    }
    last = pfn;
    bytes.setBigUint64(filled * 8, BigInt(pfn), true);
    filled++;
    count++;
    if (filled === batch.length) {
      hash.update(new Uint8Array(batch.buffer));
      filled = 0;
    }
  }
  hash.update(new Uint8Array(batch.buffer, 0, filled * 8));
  return { count, sha256: hash.digest("hex") };
}

/** The pfns whose bits are set, ascending; bit n is bit n&7, least significant first, of byte n>>3. */
export function* bitmapPfns(bitmap: Uint8Array): Generator<number> {
  for (const [index, byte] of bitmap.entries()) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) {
      yield index * 8 + (31 - Math.clz32(rest & -rest));
    }
  }
}

/** Counts and hashes the set bits of a bitmap. */
export function bitmapSet(bitmap: Uint8Array): PfnSet {
  return pfnSet(bitmapPfns(bitmap));
}

/** The second bitmap of a kdump-compressed file: the pages it has. */
export function readKdumpBitmap2(path: string): Uint8Array {
  const kdump = openKdump(path);
  try {
    return kdump.bitmap2;
  } finally {
    kdump.close();
  }
}

/** The kept pages of a kdump-compressed file as a set, to hold against `goldenKept`. */
export function keptPages(path: string): PfnSet {
  return bitmapSet(readKdumpBitmap2(path));
}
