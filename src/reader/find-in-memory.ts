import { DumpError } from "../errors.js";
import type { LongWork } from "../long-work.js";
import { ofFile, type Warnings } from "../warnings.js";
import type { Dump } from "./dump.js";
import type { PhysicalMemory } from "./physical-memory.js";
import { tolerantMemory } from "./tolerant-memory.js";

/** What a search of memory found. */
export interface FoundInMemory<T> {
  readonly found: readonly T[];
  /** The first page that should be there and is missing, or does not decode: what is looked for may lie in it. */
  readonly damage: DumpError | undefined;
  /** The address where the search ended because the files store too little for so much memory. */
  readonly endedAt: number | undefined;
}

/** Bytes that `findInMemory` reads at once. A hit that lies across two pieces costs a second read. */
const PIECE = 1 << 20;
/** Damaged pages are passed over in steps of this size, that of the smallest pages. */
const STEP = 4096;
/**
 * The most reads of damaged pages. Of a dump of terabytes that was cut off early nearly all pages are missing, and each
 * costs an error.
 */
const MAX_DAMAGED = 2048;
/** Bytes that a search reads whatever the files store: 2 GiB, a second or two if they are holes. */
const READ_FREELY = 2 ** 31;
/**
 * Beyond that, for each byte that the files store. Struct pages alone take a 64th of a machine's memory, and are not all
 * zeros. A file of some KB whose holes, or whose segments that share their bytes, claim terabytes has no kernel.
 */
const READ_PER_BYTE = 4096;

/** What `take` reads is looked at byte by byte: that takes longer than to search it. */
const LOOKED_AT = 32;

/** The most bytes that a search reads of memory for which files store `held` bytes. */
export function mostRead(held = Number.POSITIVE_INFINITY): number {
  return Math.max(READ_FREELY, READ_PER_BYTE * held);
}

/**
 * What `take` makes of the addresses at which memory has these bytes, until `isEnough`; it returns `undefined` for other
 * data that begin alike; `bytes` are not all zeros. Reads all memory that is stored, at the speed of the input, but no
 * more than `limit`, where what `take` reads counts `LOOKED_AT` times. Pages that are missing or damaged are passed over, until there are too
 * many; `NOT_READABLE` is thrown: a disk or store that does not answer once will not do so a thousand times. `take` has
 * to read by the memory that it is given.
 */
export function* findInMemory<T>(
  memory: PhysicalMemory,
  bytes: Buffer,
  isEnough: (found: readonly T[]) => boolean,
  take: (paddr: number, memory: PhysicalMemory) => T | undefined,
  limit = mostRead(memory.held),
): LongWork<FoundInMemory<T>> {
  const found: T[] = [];
  const met = new MetDamage();
  const tolerant = tolerantMemory(memory, STEP, (error) => met.note(error));
  let left = limit;
  const counted: PhysicalMemory = {
    next: tolerant.next,
    read(into, paddr) {
      left -= LOOKED_AT * into.length;
      return tolerant.read(into, paddr);
    },
  };
  const piece = Buffer.alloc(PIECE + bytes.length - 1);
  const next = (from: number) => tolerant.nextStored?.(from) ?? tolerant.next(from);
  const ended = (endedAt?: number) => ({ found, damage: met.first, endedAt });
  try {
    let paddr = next(0);
    while (Number.isFinite(paddr)) {
      if (left <= 0) return ended(paddr);
      const length = tolerant.read(piece, paddr);
      left -= Math.min(length, PIECE);
      const view = piece.subarray(0, length);
      for (let at = view.indexOf(bytes); at !== -1 && at < PIECE; at = view.indexOf(bytes, at + 1)) {
        if (left <= 0) return ended(paddr + at);
        const taken = take(paddr + at, counted);
        if (taken !== undefined) found.push(taken);
        if (isEnough(found)) return ended();
        // A piece may be full of data that begin alike, and `take` reads up to 64 KiB for each.
        yield paddr;
      }
      yield paddr;
      paddr = next(paddr + Math.max(Math.min(length, PIECE), 1));
    }
  } catch (error) {
    if (error !== met.last || !met.isTooMuch) throw error;
  }
  return ended();
}

/** The damage that a search met. */
class MetDamage {
  first: DumpError | undefined;
  last: unknown;
  #count = 0;

  get isTooMuch(): boolean {
    return this.#count > MAX_DAMAGED;
  }

  /** Throws what is no damage of a page, and what is too much. */
  note(error: unknown): void {
    if (!isMissingPage(error)) throw error;
    this.first ??= error;
    this.last = error;
    this.#count++;
    if (this.isTooMuch) throw error;
  }
}

/** Whether an error means that the file lacks a page, or has it damaged; not that it could not be asked. */
export function isMissingPage(error: unknown): error is DumpError {
  return error instanceof DumpError && (error.code === "TRUNCATED" || error.code === "CORRUPT");
}

/** Warns if a search of a dump for its kernel ended before the end of memory. */
export function warnOfEnd(
  { endedAt }: FoundInMemory<unknown>,
  { memory, paths: [file = ""] }: Pick<Dump, "memory" | "paths">,
  warnings: Warnings,
): void {
  if (endedAt === undefined) return;
  warnings.add("NOT_SEARCHED", ofFile(file, searchedUpTo(endedAt, memory)));
}

/**
 * Why no kernel was found by a search that ended before the end of memory; `undefined` if it reached that. Nobody may
 * say then that there is none.
 */
export function endError(
  { endedAt }: FoundInMemory<unknown>,
  { memory, paths: [file = ""] }: Pick<Dump, "memory" | "paths">,
): DumpError | undefined {
  if (endedAt === undefined) return undefined;
  const cure = "The file was not written or copied to the end: copy it again from where it was made";
  return new DumpError("CANNOT_FILTER", searchedUpTo(endedAt, memory), { file, cure });
}

/** That a dump has no VMCOREINFO, after "it has". */
export function noVmcoreinfo({ searchEnded }: Pick<Dump, "searchEnded">): string {
  if (searchEnded === undefined) return "no VMCOREINFO, neither in a note nor in its memory";
  return `no VMCOREINFO in a note, and ${searchEnded}`;
}

/** How far memory was searched, and why no further. */
export function searchedUpTo(endedAt: number, { held = 0 }: PhysicalMemory): string {
  return `its memory was searched for the kernel up to 0x${endedAt.toString(16)} only: the files store ${held} bytes, too few for so much memory`;
}
