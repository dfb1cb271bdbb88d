import { CODEC_FLAGS, type CodecName } from "../codec/codecs.js";
import type { PagePlan } from "../filter/plan.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { layoutOfDump } from "../kernel/virtual-layout.js";
import { countBits, type PageBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { STATUS_NO_VMEMMAP } from "../reader/kdump/layout.js";
import type { Warnings } from "../warnings.js";
import { dumpFacts } from "./collect-facts.js";
import type { DumpFacts } from "./dump-facts.js";
import type { DumpWriter } from "./dump-writer.js";
import { type ElfLayout, type ElfShape, elfLayout } from "./elf-layout.js";
import { outputClass, outputSegments } from "./elf-segments.js";
import { ElfWriter } from "./elf-writer.js";
import { type KdumpLayout, kdumpLayout } from "./kdump-layout.js";
import { KdumpWriter, type PagesInMemory } from "./kdump-writer.js";
import { type MemoryLayout, type MemoryShape, memoryLayout } from "./memory-layout.js";
import { MemoryWriter } from "./memory-writer.js";
import type { OutputFormat } from "./output-format.js";
import type { SharedPages } from "./shared-pages.js";
import type { Sink } from "./sink.js";

/**
 * Everything about an output except its pages, as plain data: together with the plan's bitmaps, any process makes the
 * same file from it.
 */
export interface OutputDescription {
  readonly facts: DumpFacts;
  /** For kdump output: bits of the header's status, including the codec's. */
  readonly status: number;
  /** For ELF output. */
  readonly elf: ElfShape | undefined;
  /** For images of memory. */
  readonly memory?: MemoryShape;
}

/** What is known of an output after pass 1. */
export interface Described {
  readonly outputDump: Dump;
  readonly outputView: KernelView | undefined;
  readonly plan: PagePlan;
  readonly level: number;
  readonly incomplete: boolean;
  /** Whether struct pages of dropped pages were left out. */
  readonly lacksStructPages: boolean;
  /** The run's warnings. */
  readonly warnings: Warnings;
}

/** Describes an output. For ELF output it finds the kernel's layout of memory, which takes some milliseconds. */
export function describeOutput(
  { outputDump, outputView, plan, level, incomplete, lacksStructPages, warnings }: Described,
  format: OutputFormat,
  codec: CodecName,
): OutputDescription {
  const facts = { ...dumpFacts(outputDump, outputView, plan, level, format), incomplete };
  if (format === "kdump") {
    return { facts, status: CODEC_FLAGS[codec] | (lacksStructPages ? STATUS_NO_VMEMMAP : 0), elf: undefined };
  }
  if (format !== "elf")
    return { facts, status: 0, elf: undefined, memory: { format, end: memoryEnd(outputDump, plan) } };
  const segments = outputSegments(outputDump, layoutOfDump(outputDump, outputView), plan, warnings);
  return { facts, status: 0, elf: { segments, ...outputClass(outputDump, segments) } };
}

/** Where the machine's memory ends, at most behind the last page with a struct page: a whole page. */
function memoryEnd({ ranges, pageSize }: Dump, { maxMapnr }: PagePlan): number {
  const most = maxMapnr * pageSize;
  const last = ranges.findLast(({ start }) => start < most);
  return Math.min(most, Math.ceil((last?.end ?? 0) / pageSize) * pageSize);
}

/** Where everything is in an output: known after pass 1, before a byte is written. */
export type OutputLayout = KdumpLayout | ElfLayout | MemoryLayout;

/**
 * Makes the layout of an output. Costs counting the kept pages; for formats with a place for each run of pages, finding
 * these runs.
 */
export function layoutOf({ facts, elf, memory }: OutputDescription, kept: PageBitmap): OutputLayout {
  if (memory !== undefined) return memoryLayout(memory, facts, kept);
  if (elf !== undefined) return elfLayout(facts, elf, kept);
  return kdumpLayout(facts, countBits(kept, facts.firstPfn, facts.maxMapnr));
}

/** The writer of an output that is one file. Throws `UNSUPPORTED` for memory that a 32-bit ELF file cannot describe. */
export function createWriter(
  output: OutputDescription,
  pages: PagesInMemory,
  sink: Sink,
  shared?: SharedPages,
): DumpWriter {
  const layout = layoutOf(output, pages.kept);
  if (layout.format === "kdump") return new KdumpWriter(sink, layout, output, pages, { shared });
  return layout.format === "elf"
    ? new ElfWriter(sink, layout, output.facts, pages.kept)
    : new MemoryWriter(sink, layout, pages.kept);
}
