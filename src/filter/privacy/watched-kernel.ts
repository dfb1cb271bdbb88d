import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";

/** A kernel for one search, and whether the search was led to the end of all that it followed. */
export interface WatchedKernel {
  readonly kernel: KernelObjects;
  /** A list, a tree or a member led nowhere, or the dump lacks what was to be read: not all was found. */
  readonly cut: boolean;
}

/**
 * A search cannot see by its result that something was cut off: a member that is absent, or that the dump lacks, reads
 * like a pointer that is not set. So it gets the kernel through this, which notices. A search that reads what may be
 * something else does so with `guessing`.
 */
export function watchedKernel(base: KernelObjects): WatchedKernel {
  let cut = false;
  const incomplete = () => {
    cut = true;
  };
  const noticed = <T>(found: T | undefined): T | undefined => {
    if (found === undefined) incomplete();
    return found;
  };
  const memory = {
    ...base.memory,
    readView: (vaddr: bigint, length: number) => noticed(base.memory.readView(vaddr, length)),
    readWord: (vaddr: bigint) => noticed(base.memory.readWord(vaddr)),
  };
  const kernel = { ...base, memory, incomplete };
  unwatched.set(memory, base);
  return {
    kernel,
    get cut() {
      return cut;
    },
  };
}

/** The kernel that is read, by the memory of a watched one. */
const unwatched = new WeakMap<KernelObjects["memory"], KernelObjects>();

/** The kernel for reads that prove nothing if they lead nowhere: of a pointer's type one is not sure, or of its being there. */
export function guessing(kernel: KernelObjects): KernelObjects {
  const base = unwatched.get(kernel.memory);
  return base === undefined ? kernel : { ...base, types: kernel.types };
}

/** The sentence of `remains` about a search that was cut off. */
export const someOf = (what: string): string => `${what} (some of them)`;
