import type { LongWork } from "../../long-work.js";
import { type FoundInMemory, findInMemory } from "../../reader/find-in-memory.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";

/** A kernel's banner that was found in memory: the kernel's own, a copy in its log, or one in a file. */
export interface Banner {
  readonly paddr: number;
  /** "Linux version 6.1.0 (builder@host) (gcc …) #1 SMP …", without the newline. */
  readonly text: string;
}

const START = Buffer.from("Linux version ", "latin1");
const MAX_TEXT = 1024;
/** Logs and files may have many. */
const MAX_FOUND = 4096;

/** Searches physical memory for kernels' banners. Reads as `findInMemory` does. */
export function findBanners(memory: PhysicalMemory): LongWork<FoundInMemory<Banner>> {
  return findInMemory(
    memory,
    START,
    ({ length }) => length >= MAX_FOUND,
    (paddr, readable) => {
      const text = bannerAt(readable, paddr);
      return text === undefined ? undefined : { paddr, text };
    },
  );
}

/** The text at an address, if it is a banner. */
export function bannerAt(memory: PhysicalMemory, paddr: number): string | undefined {
  const bytes = Buffer.alloc(MAX_TEXT);
  const text = bytes.subarray(0, memory.read(bytes, paddr)).toString("latin1");
  return /^Linux version \d+\.\d+\S* \([^\0\n]*/.exec(text)?.[0];
}

/** The release that a banner names: "6.1.0-18-amd64". */
export function releaseOfBanner(banner: string): string {
  return banner.split(" ")[2] ?? "";
}

/**
 * The part of a banner in which builds of one release differ: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)".
 */
export function buildOfBanner(banner: string): string {
  const at = banner.lastIndexOf(" #");
  return at < 0 ? banner : banner.slice(at + 1);
}
