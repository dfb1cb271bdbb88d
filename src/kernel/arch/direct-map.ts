import type { Dump } from "../../reader/dump.js";
import type { PhysicalRange } from "../../reader/physical-memory.js";
import { firstIndex } from "../../sorted.js";
import type { AddressSpace } from "../address-space.js";
import type { MappedKernel } from "./arch-support.js";
import { sampleDistances } from "./table-samples.js";

/** The most distances that are tried: the most frequent ones. */
const MOST_CANDIDATES = 16;
/** The number of memory ranges by which a distance is judged: the largest ones. */
const JUDGED_RANGES = 64;
/** The least share of memory that a direct map has. On 32-bit machines it has 800 MiB or so of up to 16 GiB. */
const LEAST_SHARE = 1 / 64;
/** Where tables are missing, the direct map may be what is missing: what is left would be the kernel's image. */
const LEAST_OF_DAMAGED = 1 / 2;
/** Pages of a range that are probed: the direct map has holes where the kernel removed pages from it. */
const PROBES = 17;

/**
 * Virtual address of physical address 0 in the direct map, from the kernel's page tables; it may be "negative" (only
 * sums count). Of the distances by which the tables map memory, it is the one that maps most. `undefined` if none maps
 * much. `addressOf` makes an address of the part that the tables index. All kernel addresses are at or above `lowest`:
 * a process's table that was taken for the kernel's also maps the process, and the boot code's table maps all memory at
 * its physical address. Takes some milliseconds (`sampleDistances`).
 */
export function directMapInTables(
  { dump, space }: Pick<MappedKernel<unknown>, "dump" | "space">,
  addressOf: (address: bigint, bits: number) => bigint,
  lowest: bigint,
): bigint | undefined {
  const { tables } = space;
  const top = tables?.shape.levels[0];
  if (tables === undefined || top === undefined) return undefined;
  const bits = top.shift + top.bits;
  const sample = sampleDistances(tables, dump);
  const distances = [...sample.distances].sort((a, b) => b[1] - a[1]).slice(0, MOST_CANDIDATES);
  // Uses the highest page, so that the bits above those that tables index are those of the kernel's half.
  const bases = distances.flatMap(([distance]) => {
    const pages = Math.max(0, -distance);
    const vaddr = addressOf(BigInt(distance + pages) * BigInt(dump.pageSize), bits);
    const base = vaddr - BigInt(pages) * BigInt(dump.pageSize);
    return base + BigInt(dump.maxMapnr) * BigInt(dump.pageSize) < lowest ? [] : [base];
  });
  return directMapAmong({ dump, space }, bases, sample.missing > 0 ? LEAST_OF_DAMAGED : LEAST_SHARE);
}

/**
 * Of several candidates for the virtual address of physical address 0, the one at which most memory is mapped;
 * `undefined` if nearly no memory is mapped at any.
 */
export function directMapAmong(
  { dump, space }: Pick<MappedKernel<unknown>, "dump" | "space">,
  bases: readonly bigint[],
  least = LEAST_SHARE,
): bigint | undefined {
  const judged = [...dump.ranges].sort((a, b) => b.end - b.start - (a.end - a.start)).slice(0, JUDGED_RANGES);
  const all = judged.reduce((sum, { start, end }) => sum + (end - start), 0);
  let best: bigint | undefined;
  let most = 0;
  for (const base of bases) {
    const share = (range: PhysicalRange) => {
      const probes = pageProbes(range, dump.pageSize);
      return probes.filter((paddr) => isDirect(space, base, paddr, dump)).length / Math.max(1, probes.length);
    };
    const mapped = judged.reduce((sum, range) => sum + share(range) * (range.end - range.start), 0);
    if (mapped <= most) continue;
    [best, most] = [base, mapped];
  }
  return most >= all * least ? best : undefined;
}

/**
 * The part of a physical range that is in the direct map at `base`: from the first to the last page that is;
 * `undefined` if no page is. On 32-bit machines some memory is not in it; on others firmware is not. Holes in between
 * (pages that the kernel removed from the map) are few, and are not looked for.
 */
export function directPart(
  space: AddressSpace,
  base: bigint,
  { start, end }: PhysicalRange,
  dump: Dump,
): PhysicalRange | undefined {
  const { pageSize } = dump;
  const probes = pageProbes({ start, end }, pageSize);
  const mapped = probes.map((paddr) => isDirect(space, base, paddr, dump));
  const first = mapped.indexOf(true);
  if (first < 0) return undefined;
  const last = mapped.lastIndexOf(true);
  // Finds the page between two probes where the answer changes.
  const change = (from: number, to: number, holds: boolean) => {
    const pages = Math.floor((to - from) / pageSize);
    return from + firstIndex(pages, (i) => isDirect(space, base, from + i * pageSize, dump) === holds) * pageSize;
  };
  const from = first === 0 ? start : change(probes[first - 1] as number, probes[first] as number, true);
  const to = last === probes.length - 1 ? end : change(probes[last] as number, probes[last + 1] as number, false);
  return { start: from, end: Math.min(to, end) };
}

/** Addresses of at most 17 pages in a range, evenly spaced; the first and the last page are among them. */
export function pageProbes({ start, end }: PhysicalRange, pageSize: number): number[] {
  // A range may begin within a page.
  const first = Math.floor(start / pageSize);
  const last = Math.max(first, Math.ceil(end / pageSize) - 1);
  const count = Math.min(PROBES, last - first + 1);
  if (count <= 1) return [first * pageSize];
  const step = (last - first) / (count - 1);
  return Array.from({ length: count }, (_, i) => (first + Math.round(i * step)) * pageSize);
}

function isDirect(space: AddressSpace, base: bigint, paddr: number, { machine }: Dump): boolean {
  return space.translate(BigInt.asUintN(8 * machine.wordSize, base + BigInt(paddr)))?.paddr === paddr;
}
