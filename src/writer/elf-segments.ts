import type { PagePlan } from "../filter/plan.js";
import { hasAddress, judgeAddresses } from "../kernel/segment-addresses.js";
import type { VirtualLayout } from "../kernel/virtual-layout.js";
import { segmentsOf } from "../reader/attach.js";
import type { Dump } from "../reader/dump.js";
import type { PhysicalRange } from "../reader/physical-memory.js";
import { bitmapRanges, partsIn } from "../reader/ranges.js";
import { ofFile, type Warnings } from "../warnings.js";
import type { OutputSegment } from "./elf-pieces.js";

/** Read, write, execute: the flags that the kernel and makedumpfile write for memory. */
const RWX = 7;

/**
 * The ranges of memory that an ELF output describes, with addresses from the kernel's own page tables, because gdb
 * knows no others: the kernel's image, memory in the direct map, struct pages. The segments of an ELF input are kept if
 * the page tables confirm all of them and they include the image. Addresses that are not the kernel's are replaced,
 * with a warning. If no page tables were found (`layout` is `undefined`), the input's addresses are kept, with a
 * warning. There is also a warning for a file of which gdb will read nothing.
 */
export function outputSegments(
  dump: Dump,
  layout: VirtualLayout | undefined,
  plan: PagePlan,
  warnings: Warnings,
): OutputSegment[] {
  const limit = plan.maxMapnr * dump.pageSize;
  const loads = inputLoads(dump, limit);
  const segments =
    layout?.directMap === undefined
      ? withoutDirectMap(dump, layout, plan, loads, warnings)
      : withDirectMap(dump, layout, plan, loads, warnings);
  return segments
    .map((segment) => ({ ...segment, end: Math.min(segment.end, limit) }))
    .filter(({ start, end }) => end > start);
}

/** Class and byte order of the output, from the machine. */
export function outputClass(
  dump: Dump,
  segments: readonly OutputSegment[],
): { readonly elfClass: 32 | 64; readonly littleEndian: boolean } {
  const fits = segments.every((segment) => segment.end <= 2 ** 32);
  const elfClass = dump.machine.wordSize === 4 && fits ? 32 : 64;
  return { elfClass, littleEndian: dump.machine.littleEndian };
}

/** The PT_LOADs of an ELF input; `undefined` for another input. */
function inputLoads(dump: Dump, limit: number): OutputSegment[] | undefined {
  return segmentsOf(dump)
    ?.map(({ paddr, memsz, vaddr, flags }) => ({ start: paddr, end: Math.min(paddr + memsz, limit), vaddr, flags }))
    .filter(({ start, end }) => end > start);
}

const addressed = ({ start, end, vaddr }: OutputSegment) => ({ paddr: start, memsz: end - start, vaddr });

function withDirectMap(
  dump: Dump,
  layout: VirtualLayout,
  plan: PagePlan,
  loads: readonly OutputSegment[] | undefined,
  warnings: Warnings,
): readonly OutputSegment[] {
  if (loads?.some((load) => hasAddress(addressed(load)))) {
    const verdicts = judgeAddresses(loads.map(addressed), layout, dump);
    const differing = verdicts.filter((verdict) => verdict !== "right").length;
    if (differing === 0 && hasImage(loads, layout)) return loads;
    if (differing > 0) {
      const what = `virtual addresses of ${differing} of ${loads.length} segments are not those of the kernel's page tables; the output has the page tables' own`;
      warnings.add("ADDRESSES", ofFile(dump.paths[0] ?? "", what), differing);
    }
  }
  const memory = memoryOf(dump, plan, loads);
  return [...ownSegments(layout.image, memory), ...memory.flatMap((range) => directSegments(range, layout))];
}

function withoutDirectMap(
  dump: Dump,
  layout: VirtualLayout | undefined,
  plan: PagePlan,
  loads: readonly OutputSegment[] | undefined,
  warnings: Warnings,
): readonly OutputSegment[] {
  const file = dump.paths[0] ?? "";
  const memory = memoryOf(dump, plan, loads);
  const given = loads ?? memory.map((range) => ({ ...range, vaddr: 0n, flags: RWX }));
  const image = layout === undefined ? [] : ownSegments(layout.image, memory);
  if (given.some((load) => hasAddress(addressed(load)))) {
    const why = "the kernel's page tables were not found, so its virtual addresses could not be checked: they are kept";
    warnings.add("ADDRESSES", ofFile(file, why), given.length);
    return layout === undefined || hasImage(given, layout) ? given : [...image, ...given];
  }
  const what =
    image.length > 0
      ? "only the kernel's image has virtual addresses in the output: its direct map was not found, so gdb reads nothing else"
      : "the output has no virtual addresses: the kernel's page tables were not found, so gdb reads nothing of it";
  warnings.add("NO_ADDRESSES", ofFile(file, what));
  return [...image, ...given];
}

/** Whether a segment has the middle of the kernel's image at its address. */
function hasImage(loads: readonly OutputSegment[], { image }: VirtualLayout): boolean {
  const largest = [...image].sort((a, b) => b.end - b.start - (a.end - a.start))[0];
  if (largest === undefined) return true;
  const paddr = Math.floor((largest.start + largest.end) / 2);
  const vaddr = largest.vaddr + BigInt(paddr - largest.start);
  return loads.some(
    (load) => load.start <= paddr && paddr < load.end && vaddr - load.vaddr === BigInt(paddr - load.start),
  );
}

function memoryOf(dump: Dump, plan: PagePlan, loads: readonly OutputSegment[] | undefined): readonly PhysicalRange[] {
  return loads === undefined ? bitmapRanges(plan.exists, plan.maxMapnr, dump.pageSize) : dump.ranges;
}

/** Ranges with addresses of their own, as far as the dump has their memory. */
function ownSegments(
  ranges: readonly { readonly start: number; readonly end: number; readonly vaddr: bigint }[],
  memory: readonly PhysicalRange[],
): OutputSegment[] {
  return ranges.flatMap((range) =>
    partsIn(memory, range).map(({ start, end }) => ({
      ...{ start, end, flags: RWX },
      vaddr: range.vaddr + BigInt(start - range.start),
    })),
  );
}

/** Memory in the direct map at its address there; other memory at an address that nothing else has. */
function directSegments(range: PhysicalRange, layout: VirtualLayout): OutputSegment[] {
  const { start, end } = range;
  const part = layout.directPart(range);
  const rests =
    part === undefined
      ? [range]
      : [
          { start, end: part.start },
          { start: part.end, end },
        ];
  const segments = rests
    .filter((rest) => rest.end > rest.start)
    .map((rest) => ({ ...rest, vaddr: layout.restAddress(rest), flags: RWX }));
  if (part !== undefined) segments.push({ ...part, flags: RWX });
  return segments.sort((a, b) => a.start - b.start);
}
