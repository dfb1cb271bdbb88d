import { DumpError, type DumpErrorCode } from "../errors.js";
import { ofFile, type WarningParts } from "../warnings.js";
import type { PhysicalMemory } from "./physical-memory.js";

/** Errors of reading a page in a damaged dump. A missing codec is not damage. */
const DAMAGE: ReadonlySet<DumpErrorCode> = new Set(["TRUNCATED", "CORRUPT", "NOT_READABLE"]);

/** Returns the error if it means that one page cannot be read; otherwise throws it again. */
export function damageOf(error: unknown): DumpError {
  if (error instanceof DumpError && DAMAGE.has(error.code)) return error;
  throw error;
}

/**
 * Physical memory of a dump that is salvaged: pages that cannot be read count as pages that the dump does not have.
 * Costs nothing until a read fails; then that read goes page by page. `judge` is given each error, and throws what
 * cannot be passed over.
 */
export function tolerantMemory(
  memory: PhysicalMemory,
  pageSize: number,
  judge: (error: unknown) => void = damageOf,
): PhysicalMemory {
  const probe = new Uint8Array(pageSize);
  const readable = (paddr: number) => {
    try {
      return memory.read(probe.subarray(0, pageSize - (paddr % pageSize)), paddr) > 0;
    } catch (error) {
      judge(error);
      return false;
    }
  };
  // The caller continues from what this returns, so a page that cannot be read must be behind it.
  const usable = (next: (paddr: number) => number) => (paddr: number) => {
    let found = next(paddr);
    while (found !== Number.POSITIVE_INFINITY && !readable(found)) {
      found = next(found - (found % pageSize) + pageSize);
    }
    return found;
  };
  const { next, nextStored, held } = memory;
  return {
    ...(held !== undefined && { held }),
    read(into, paddr) {
      try {
        return memory.read(into, paddr);
      } catch (error) {
        judge(error);
      }
      let done = 0;
      while (done < into.length) {
        const n = Math.min(into.length - done, pageSize - ((paddr + done) % pageSize));
        try {
          const got = memory.read(into.subarray(done, done + n), paddr + done);
          done += got;
          if (got < n) return done;
        } catch (error) {
          judge(error);
          return done;
        }
      }
      return done;
    },
    next: usable(next),
    ...(nextStored && { nextStored: usable(nextStored) }),
  };
}

/** The warning about pages that the headers promise but the file lacks. `first` is a pfn. */
export function missingPages(file: string, first: number): WarningParts {
  return ofFile(file, `pages that are not in the file, the first at pfn 0x${first.toString(16)}; they are left out`);
}
