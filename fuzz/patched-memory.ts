import type { PhysicalMemory } from "../src/reader/physical-memory.js";
import { put } from "./values.js";

/** Words of a kernel's memory that a reader looked at: what is worth changing. */
export interface Places {
  readonly address: readonly number[];
  readonly value: readonly bigint[];
}

/** Words remembered of one read: of a batch of struct pages the first ones stand for all. */
const MOST_OF_A_READ = 256;

/** Lets `use` read memory, and tells which words it read. */
export function placesRead(
  memory: PhysicalMemory,
  wordSize: 4 | 8,
  little: boolean,
  use: (memory: PhysicalMemory) => void,
): Places {
  const found = new Map<number, bigint>();
  use({
    next: (paddr) => memory.next(paddr),
    read(into, paddr) {
      const done = memory.read(into, paddr);
      const view = new DataView(into.buffer, into.byteOffset, done);
      const first = (wordSize - (paddr % wordSize)) % wordSize;
      let taken = 0;
      for (let at = first; at + wordSize <= done && taken < MOST_OF_A_READ; at += wordSize) {
        const value = wordSize === 8 ? view.getBigUint64(at, little) : BigInt(view.getUint32(at, little));
        // A large read is a table, mostly empty.
        if (value === 0n && done > 512) continue;
        found.set(paddr + at, value);
        taken++;
      }
      return done;
    },
  });
  return { address: [...found.keys()], value: [...found.values()] };
}

export interface Patch {
  readonly paddr: number;
  readonly value: bigint;
  readonly size: number;
}

/** The memory with other words at some places. */
export function patchedMemory(memory: PhysicalMemory, patches: readonly Patch[], little: boolean): PhysicalMemory {
  return {
    next: (paddr) => memory.next(paddr),
    read(into, paddr) {
      const done = memory.read(into, paddr);
      for (const patch of patches) {
        const at = patch.paddr - paddr;
        if (at <= -patch.size || at >= done) continue;
        const word = new Uint8Array(patch.size);
        put(word, 0, patch.value, patch.size, little);
        for (let i = 0; i < patch.size; i++) if (at + i >= 0 && at + i < done) into[at + i] = word[i] as number;
      }
      return done;
    },
  };
}
