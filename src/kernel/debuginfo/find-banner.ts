import type { PhysicalMemory } from "../../reader/physical-memory.js";

/** A kernel's banner that was found in memory: the kernel's own, a copy in its log, or one in a file. */
export interface Banner {
  readonly paddr: number;
  /** "Linux version 6.1.0 (builder@host) (gcc …) #1 SMP …", without the newline. */
  readonly text: string;
}

const START = Buffer.from("Linux version ", "latin1");
/** Bytes that are read at once. A hit that lies across two pieces costs a second read. */
const PIECE = 1 << 20;
const MAX_TEXT = 1024;
/** Logs and files may have many. */
const MAX_FOUND = 4096;

/** Searches physical memory for kernels' banners. Reads all memory, at the speed of the input. */
export function findBanners(memory: PhysicalMemory): Banner[] {
  const found: Banner[] = [];
  const piece = Buffer.alloc(PIECE + START.length - 1);
  let paddr = memory.next(0);
  while (Number.isFinite(paddr) && found.length < MAX_FOUND) {
    const length = memory.read(piece, paddr);
    const view = piece.subarray(0, length);
    for (let at = view.indexOf(START); at !== -1 && at < PIECE; at = view.indexOf(START, at + 1)) {
      const text = bannerAt(memory, paddr + at);
      if (text !== undefined) found.push({ paddr: paddr + at, text });
    }
    paddr = memory.next(paddr + Math.max(Math.min(length, PIECE), 1));
  }
  return found;
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
