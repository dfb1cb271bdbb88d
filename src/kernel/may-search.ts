import type { Dump } from "../reader/dump.js";
import { isLive } from "../reader/source/input-changed.js";

/**
 * Whether all memory of a dump may be read to find what its kernel says no more. Of a machine's own memory (/proc/vmcore, /proc/kcore, /dev/mem) only pages are read that
 * the kernel leads to: one with a memory error stops the machine that touches it, and as long as no struct page is known nobody can tell which those are.
 */
export function maySearch(dump: Dump): boolean {
  return !isLive(dump.image);
}
