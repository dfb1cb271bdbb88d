import { DumpError, type DumpErrorCode } from "../errors.js";
import type { PhysicalMemory } from "./physical-memory.js";

/** What reading a page of a damaged dump ends with. A missing codec is no damage. */
const DAMAGE: ReadonlySet<DumpErrorCode> = new Set(["TRUNCATED", "CORRUPT", "NOT_READABLE"]);

/** The error, if it is of one page that cannot be read; else it is thrown again. */
export function damageOf(error: unknown): DumpError {
  if (error instanceof DumpError && DAMAGE.has(error.code)) return error;
  throw error;
}

/**
 * Physical memory of a dump that is to be salvaged: pages that cannot be read are as if the dump did not have them. Costs
 * nothing until a read fails; then its pages are read one by one.
 */
export function tolerantMemory(memory: PhysicalMemory, pageSize: number): PhysicalMemory {
  const probe = new Uint8Array(pageSize);
  const readable = (paddr: number) => {
    try {
      return memory.read(probe.subarray(0, pageSize - (paddr % pageSize)), paddr) > 0;
    } catch (error) {
      damageOf(error);
      return false;
    }
  };
  return {
    read(into, paddr) {
      try {
        return memory.read(into, paddr);
      } catch (error) {
        damageOf(error);
      }
      let done = 0;
      while (done < into.length) {
        const n = Math.min(into.length - done, pageSize - ((paddr + done) % pageSize));
        try {
          const got = memory.read(into.subarray(done, done + n), paddr + done);
          done += got;
          if (got < n) return done;
        } catch (error) {
          damageOf(error);
          return done;
        }
      }
      return done;
    },
    // Whoever asks goes on from here: a page that cannot be read must be behind him.
    next(paddr) {
      let found = memory.next(paddr);
      while (found !== Number.POSITIVE_INFINITY && !readable(found)) {
        found = memory.next(found - (found % pageSize) + pageSize);
      }
      return found;
    },
  };
}
