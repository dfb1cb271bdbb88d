import type { Dump } from "../reader/dump.js";
import { isLive } from "../reader/source/input-changed.js";

/**
 * Whether all memory of a dump may be searched for facts that its kernel no longer shows. Of a machine's own memory
 * (/proc/vmcore, /proc/kcore, /dev/mem) only pages are read that the kernel leads to: touching a page with a memory
 * error stops the machine, and as long as no struct page is known nobody can know which pages these are.
 */
export function maySearch(dump: Dump): boolean {
  return !isLive(dump.image);
}
