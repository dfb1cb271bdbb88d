import { CODEC_FLAGS, type CodecName } from "../codec/codecs.js";
import type { PagePlan } from "../filter/plan.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { layoutOfDump } from "../kernel/virtual-layout.js";
import { countBits, type PageBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { Warnings } from "../warnings.js";
import { dumpFacts } from "./collect-facts.js";
import type { DumpFacts } from "./dump-facts.js";
import type { DumpWriter } from "./dump-writer.js";
import { type ElfLayout, type ElfShape, elfLayout } from "./elf-layout.js";
import { outputClass, outputSegments } from "./elf-segments.js";
import { ElfWriter } from "./elf-writer.js";
import { type KdumpLayout, kdumpLayout } from "./kdump-layout.js";
import { type KdumpPages, KdumpWriter } from "./kdump-writer.js";
import type { SharedPages } from "./shared-pages.js";
import type { Sink } from "./sink.js";

/** What an output is apart from its pages, as plain data: together with the plan's bitmaps it makes the same file anywhere. */
export interface OutputDescription {
  readonly facts: DumpFacts;
  /** Of kdump output: the codec's bit of the header's status. */
  readonly status: number;
  /** Of ELF output. */
  readonly elf: ElfShape | undefined;
}

/** What is known of an output when pass 1 is over. */
export interface Described {
  readonly described: Dump;
  readonly shown: KernelView | undefined;
  readonly plan: PagePlan;
  readonly level: number;
  readonly incomplete: boolean;
  /** Of the run. */
  readonly warnings: Warnings;
}

/** Of ELF output it finds the kernel's layout of memory, in some milliseconds. */
export function describeOutput(
  { described, shown, plan, level, incomplete, warnings }: Described,
  format: "kdump" | "elf",
  codec: CodecName,
): OutputDescription {
  const facts = { ...dumpFacts(described, shown, plan, level, format), incomplete };
  if (format === "kdump") return { facts, status: CODEC_FLAGS[codec], elf: undefined };
  const segments = outputSegments(described, layoutOfDump(described, shown), plan, warnings);
  return { facts, status: 0, elf: { segments, ...outputClass(described, segments) } };
}

/** Where everything lies in an output: known when pass 1 is over, before a byte is written. */
export type OutputLayout = KdumpLayout | ElfLayout;

/** Costs what counting the kept pages costs; of ELF output, what finding their runs does. */
export function layoutOf({ facts, elf }: OutputDescription, kept: PageBitmap): OutputLayout {
  if (elf !== undefined) return elfLayout(facts, elf, kept);
  return kdumpLayout(facts, countBits(kept, facts.firstPfn, facts.maxMapnr));
}

/** The writer of an output that is one file. Throws `UNSUPPORTED` for memory that a 32-bit ELF file cannot describe. */
export function createWriter(
  output: OutputDescription,
  pages: KdumpPages,
  sink: Sink,
  shared?: SharedPages,
): DumpWriter {
  const layout = layoutOf(output, pages.kept);
  return layout.format === "elf"
    ? new ElfWriter(sink, layout, output.facts, pages.kept)
    : new KdumpWriter(sink, layout, output, pages, { shared });
}
