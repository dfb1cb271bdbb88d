import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { zoneAddresses, zoneShape } from "../../kernel/zones.js";

/** The zones' counters of free pages. */
export interface FreeCounters {
  /** Pages in the buddy allocator, except those being isolated. */
  readonly free: number;
  /** Pages between the first and the last page of each zone, including holes. */
  readonly spanned: number;
  readonly zones: number;
}

/** A CPU may collect this many pages per zone before it adds them to the zone's counter (mm/vmstat.c). */
const DRIFT = 125;

/**
 * The zones' own numbers of free pages (zone.vm_stat[NR_FREE_PAGES]); `undefined` if VMCOREINFO does not lead there.
 * Pages on a CPU's list are not counted in them, and do not have the mark of a free page either.
 */
export function freeCounters(kernel: KernelMemory): FreeCounters | undefined {
  const { info } = kernel;
  const shape = zoneShape(kernel);
  const stats = info.offset("zone.vm_stat");
  const index = info.number("NR_FREE_PAGES");
  if (shape === undefined || stats === undefined || index === undefined || index < 0n || index > 100n) return undefined;
  let [free, spanned] = [0n, 0n];
  const zones = zoneAddresses(kernel, shape);
  for (const zone of zones) {
    const count = kernel.readWord(zone + BigInt(stats) + index * BigInt(kernel.wordSize));
    const span = kernel.readWord(zone + BigInt(shape.spannedPages));
    if (count === undefined || span === undefined || count > span) return undefined;
    free += count;
    spanned += span;
  }
  return zones.length === 0 ? undefined : { free: Number(free), spanned: Number(spanned), zones: zones.length };
}

/**
 * Whether the number of free pages that were found agrees with the zones' counters. The tolerance is a quarter (pages
 * being isolated are in the allocator but not in the counters), what the CPUs have not added yet, and all pages of the
 * zones' spans that could not be checked: holes, and pages that an earlier filter dropped.
 */
export function countsAgree(
  { free, spanned, zones }: FreeCounters,
  found: number,
  lookedAt: number,
  cpus: number,
): boolean {
  const tolerance = free / 4 + DRIFT * zones * Math.max(cpus, 1) + Math.max(0, spanned - lookedAt);
  return Math.abs(found - free) <= tolerance;
}
