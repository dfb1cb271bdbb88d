import { DumpError } from "../errors.js";
import { aText, checkArgument, listOf, wholeNumber } from "../option-shape.js";
import type { PageBitmap } from "../reader/bitmap.js";
import type { PrivacyView } from "./privacy/privacy-view.js";

/** Which classes are dropped. Pages with memory errors and offline pages are always dropped. */
export interface Policy {
  readonly zero: boolean;
  readonly cache: boolean;
  readonly cachePrivate: boolean;
  readonly user: boolean;
  readonly free: boolean;
}

/** What pass 1 drops. */
export interface ScanPolicy extends Policy {
  /** `--privacy`: pages without a class are kept only if they are certainly the kernel's. */
  readonly privacy?: PrivacyView;
  /** Pages that are kept whatever their struct pages say: readers need them. */
  readonly needed?: PageBitmap;
}

/** makedumpfile's dump level bits by the names of `--exclude`. */
export const LEVEL_BITS = { zero: 1, cache: 2, "cache-private": 4, user: 8, free: 16 } as const;
export const MAX_LEVEL = 31;

/** The policy of a dump level, 0 to 31. Throws `BAD_OPTION`. */
export function policyOfLevel(level: number): Policy {
  if (!Number.isInteger(level) || level < 0 || level > MAX_LEVEL) {
    throw new DumpError("BAD_OPTION", `dump level ${level}; it must be a whole number from 0 to ${MAX_LEVEL}`, {
      cure: "Add up: 1 zero pages, 2 page cache, 4 page cache with private data, 8 user memory, 16 free pages",
    });
  }
  return {
    zero: (level & 1) !== 0,
    cache: (level & 2) !== 0,
    cachePrivate: (level & 4) !== 0,
    user: (level & 8) !== 0,
    free: (level & 16) !== 0,
  };
}

/** The dump level of class names: `["zero", "free"]` is 17. Throws `BAD_OPTION` for an unknown name. */
export function levelOfNames(names: readonly string[]): number {
  checkArgument("names", names, listOf(aText));
  let level = 0;
  for (const name of names) {
    if (!Object.hasOwn(LEVEL_BITS, name)) {
      throw new DumpError("BAD_OPTION", `${JSON.stringify(name)} is not a page class`, {
        cure: `Classes are ${Object.keys(LEVEL_BITS).join(", ")}, separated by commas`,
      });
    }
    level |= LEVEL_BITS[name as keyof typeof LEVEL_BITS];
  }
  return level;
}

/** The class names of a level, in the order of its bits. Throws `BAD_OPTION`. */
export function namesOfLevel(level: number): string[] {
  checkArgument("level", level, wholeNumber(0, 31));
  return Object.entries(LEVEL_BITS)
    .filter(([, bit]) => (level & bit) !== 0)
    .map(([name]) => name);
}

/** Whether a level needs the kernel's struct pages: all but 0 and 1 do. */
export function needsStructPages(level: number): boolean {
  return (level & ~LEVEL_BITS.zero) !== 0;
}
