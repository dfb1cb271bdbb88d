import type { PagePlan } from "../filter/plan.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { type VirtualLayout, virtualLayout } from "../kernel/virtual-layout.js";
import type { Dump } from "../reader/dump.js";
import { segmentsOf } from "../reader/open.js";
import type { PhysicalRange } from "../reader/physical-memory.js";
import { bitmapRanges } from "../reader/ranges.js";
import type { OutputSegment } from "./elf-pieces.js";

/** Read, write, execute: what the kernel and makedumpfile write for memory. */
const RWX = 7;

/**
 * The ranges of memory that an ELF output describes. Those of an ELF input, if its virtual addresses are the kernel's
 * (of /proc/vmcore and of QEMU with paging); else the machine's RAM at its address in the direct map, and the kernel's
 * image as well, as /proc/vmcore has them: gdb finds nothing without.
 */
export function outputSegments(dump: Dump, view: KernelView | undefined, plan: PagePlan): OutputSegment[] {
  const loads = segmentsOf(dump);
  const limit = plan.maxMapnr * dump.pageSize;
  const layout = view && !hasKernelAddresses(dump) ? virtualLayout(dump, view) : undefined;
  if (loads !== undefined && layout === undefined) {
    return loads
      .map(({ paddr, memsz, vaddr, flags }) => ({ start: paddr, end: Math.min(paddr + memsz, limit), vaddr, flags }))
      .filter(({ start, end }) => end > start);
  }
  const ranges = loads === undefined ? bitmapRanges(plan.exists, plan.maxMapnr, dump.pageSize) : dump.ranges;
  const memory = ranges
    .map(({ start, end }) => ({ start, end: Math.min(end, limit) }))
    .filter(({ start, end }) => end > start);
  return [...kernelSegment(layout, memory), ...memory.flatMap((range) => directSegments(range, layout, dump))];
}

/** Which class and byte order the output has: the input's if it is ELF, else by the machine. */
export function outputClass(
  dump: Dump,
  segments: readonly OutputSegment[],
): { readonly elfClass: 32 | 64; readonly littleEndian: boolean } {
  const fits = segments.every((segment) => segment.end <= 2 ** 32);
  const elfClass = dump.machine.wordSize === 4 && fits ? 32 : 64;
  return { elfClass, littleEndian: dump.machine.littleEndian };
}

/** Any address in the upper half of the address space: QEMU without paging writes physical ones, or 0. */
function hasKernelAddresses(dump: Dump): boolean {
  const half = dump.machine.wordSize === 8 ? 1n << 63n : 1n << 31n;
  return segmentsOf(dump)?.some((load) => load.vaddr >= half && load.vaddr !== BigInt(load.paddr)) ?? false;
}

function kernelSegment(layout: VirtualLayout | undefined, memory: readonly PhysicalRange[]): OutputSegment[] {
  const kernel = layout?.kernel;
  if (kernel === undefined) return [];
  const inside = memory.some(({ start, end }) => start <= kernel.start && kernel.end <= end);
  return inside ? [{ start: kernel.start, end: kernel.end, vaddr: kernel.vaddr, flags: RWX }] : [];
}

/** Memory in the direct map at its address there, and what lies behind its end at none. */
function directSegments(range: PhysicalRange, layout: VirtualLayout | undefined, dump: Dump): OutputSegment[] {
  const { start, end } = range;
  if (layout === undefined) return [{ start, end, vaddr: 0n, flags: RWX }];
  const cut = layout.directEnd(range);
  const vaddr = BigInt.asUintN(8 * dump.machine.wordSize, layout.directMap + BigInt(start));
  const segments = [
    { start, end: cut, vaddr, flags: RWX },
    { start: cut, end, vaddr: 0n, flags: RWX },
  ];
  return segments.filter((segment) => segment.end > segment.start);
}
