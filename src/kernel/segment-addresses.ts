import type { Dump } from "../reader/dump.js";
import type { VirtualLayout } from "./virtual-layout.js";

/** A range of physical memory with the virtual address that a file gives it. */
export interface AddressedSegment {
  /** Physical start in bytes. */
  readonly paddr: number;
  readonly memsz: number;
  readonly vaddr: bigint;
}

/** How the kernel's page tables agree with a segment's virtual address. */
export type AddressVerdict =
  /** The tables map it as the file says, or neither the file nor the tables have an address. */
  | "right"
  /** The tables map other memory at that address, or have this memory at another. */
  | "wrong"
  /** The file has no address, but the tables have one. */
  | "missing";

/** The most addresses that are looked up for all segments of a file: 2 µs each. */
const MOST_PROBES = 20_000;
const MOST_PER_SEGMENT = 17;

/**
 * Whether a segment has a virtual address at all: QEMU without paging writes the physical one, or 0. ARM's kernels
 * wrote these too, for memory that is not in the direct map.
 */
export function hasAddress({ vaddr, paddr }: AddressedSegment): boolean {
  return vaddr !== 0n && vaddr !== BigInt(paddr);
}

/**
 * Compares the virtual addresses of a file's segments with the kernel's page tables. The verdicts are in the order of
 * the segments.
 */
export function judgeAddresses(
  segments: readonly AddressedSegment[],
  layout: VirtualLayout,
  dump: Dump,
): AddressVerdict[] {
  const perSegment = Math.floor(MOST_PROBES / Math.max(1, segments.length));
  const probes = Math.max(2, Math.min(MOST_PER_SEGMENT, perSegment));
  return segments.map((segment) => judge(segment, layout, dump, probes));
}

function judge(segment: AddressedSegment, layout: VirtualLayout, dump: Dump, probes: number): AddressVerdict {
  const { paddr, memsz, vaddr } = segment;
  const direct = () => layout.directPart({ start: paddr, end: paddr + memsz });
  if (!hasAddress(segment)) {
    const part = direct();
    return part === undefined || part.vaddr === vaddr + BigInt(part.start - paddr) ? "right" : "missing";
  }
  let confirmed = false;
  for (const at of offsets(segment, dump.pageSize, probes)) {
    const found = layout.space.translate(vaddr + BigInt(at))?.paddr;
    if (found === undefined) continue;
    if (found !== paddr + at) return "wrong";
    confirmed = true;
  }
  return confirmed || direct() === undefined ? "right" : "wrong";
}

/** Evenly spaced offsets in a segment; the first and the last page are among them. */
function offsets({ memsz }: AddressedSegment, pageSize: number, probes: number): number[] {
  const pages = Math.max(1, Math.floor(memsz / pageSize));
  const count = Math.min(probes, pages);
  if (count === 1) return [0];
  return Array.from({ length: count }, (_, i) => Math.round((i * (pages - 1)) / (count - 1)) * pageSize);
}
