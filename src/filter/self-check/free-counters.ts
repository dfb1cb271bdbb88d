import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { zoneAddresses, zoneShape } from "../../kernel/zones.js";

/** What the zones count as free. */
export interface FreeCounters {
  /** Pages in the buddy allocator, but for those being isolated. */
  readonly free: number;
  /** Pages between the zones' first and last ones, holes included. */
  readonly spanned: number;
  readonly zones: number;
}

/** A CPU may hold back that many pages per zone before it adds them to the zone's counter (mm/vmstat.c). */
const DRIFT = 125;

/**
 * The zones' own numbers of free pages (zone.vm_stat[NR_FREE_PAGES]); `undefined` where VMCOREINFO does not lead there.
 * Pages on a CPU's lists are not among them, as they bear no mark of a free page either.
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
 * Whether so many free pages as were found can be what the zones count. Allowed is a quarter more or less (pages being
 * isolated are in the allocator and not in the counters), what the CPUs hold back, and all pages of the zones' spans
 * that could not be looked at: holes, and those that an earlier filter left out.
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
