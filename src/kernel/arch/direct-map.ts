import type { Dump } from "../../reader/dump.js";
import { firstIndex } from "../../reader/first-index.js";
import type { AddressSpace } from "../address-space.js";
import type { MappedKernel } from "./arch-support.js";

/**
 * The first of some virtual addresses of physical address 0, "negative" ones too (only sums count), at which memory is
 * mapped; `undefined` where the kernel's own page tables do not map memory at any of them.
 */
export function firstDirectMap(
  { dump, space }: Pick<MappedKernel<unknown>, "dump" | "space">,
  candidates: readonly bigint[],
): bigint | undefined {
  const largest = [...dump.ranges].sort((a, b) => b.end - b.start - (a.end - a.start))[0];
  const first = dump.ranges[0];
  if (largest === undefined || first === undefined) return undefined;
  // With little low memory (32-bit machines) only the beginning is mapped.
  const probes = [largest.start, first.start].map((start) => Math.ceil(start / dump.pageSize) * dump.pageSize);
  return candidates.find((base) => probes.some((probe) => isDirect(space, base, probe, dump)));
}

/** Where the direct map of a physical range ends: its end, or before, where memory is not mapped any more. */
export function directEnd(
  space: AddressSpace,
  base: bigint,
  { start, end }: { readonly start: number; readonly end: number },
  dump: Dump,
): number {
  const { pageSize } = dump;
  const last = Math.max(start, Math.floor((end - 1) / pageSize) * pageSize);
  if (isDirect(space, base, last, dump)) return end;
  if (!isDirect(space, base, start, dump)) return start;
  const first = Math.floor(start / pageSize) + 1;
  const pages = Math.floor(last / pageSize) - first;
  return (first + firstIndex(pages, (i) => !isDirect(space, base, (first + i) * pageSize, dump))) * pageSize;
}

function isDirect(space: AddressSpace, base: bigint, paddr: number, { machine }: Dump): boolean {
  return space.translate(BigInt.asUintN(8 * machine.wordSize, base + BigInt(paddr)))?.paddr === paddr;
}
