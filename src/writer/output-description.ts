import { CODEC_FLAGS, type CodecName } from "../codec/codecs.js";
import type { PagePlan } from "../filter/plan.js";
import type { KernelView } from "../kernel/kernel-view.js";
import type { Dump } from "../reader/dump.js";
import { dumpFacts } from "./collect-facts.js";
import type { DumpFacts } from "./dump-facts.js";
import type { DumpWriter } from "./dump-writer.js";
import type { OutputSegment } from "./elf-pieces.js";
import { outputClass, outputSegments } from "./elf-segments.js";
import { ElfWriter } from "./elf-writer.js";
import { type KdumpPages, KdumpWriter } from "./kdump-writer.js";
import type { SharedPages } from "./shared-pages.js";
import type { Sink } from "./sink.js";
import { type SplitSink, SplitWriter } from "./split-writer.js";

/** What an output is apart from its pages, as plain data: together with the plan's bitmaps it makes the same file anywhere. */
export interface OutputDescription {
  readonly facts: DumpFacts;
  /** Of kdump output: the codec's bit of the header's status. */
  readonly status: number;
  /** Of ELF output. */
  readonly elf:
    | {
        readonly segments: readonly OutputSegment[];
        readonly elfClass: 32 | 64;
        readonly littleEndian: boolean;
      }
    | undefined;
}

/** What is known of an output when pass 1 is over. */
export interface Described {
  readonly described: Dump;
  readonly shown: KernelView | undefined;
  readonly plan: PagePlan;
  readonly level: number;
  readonly incomplete: boolean;
}

export function describeOutput(
  { described, shown, plan, level, incomplete }: Described,
  format: "kdump" | "elf",
  codec: CodecName,
): OutputDescription {
  const facts = { ...dumpFacts(described, shown, plan, level, format), incomplete };
  if (format === "kdump") return { facts, status: CODEC_FLAGS[codec], elf: undefined };
  const segments = outputSegments(described, shown, plan);
  return { facts, status: 0, elf: { segments, ...outputClass(described, segments) } };
}

/** The writer of the output's format. */
export function createWriter(
  { facts, status, elf }: OutputDescription,
  pages: KdumpPages,
  sink: Sink,
  shared?: SharedPages,
): DumpWriter {
  if (elf !== undefined) return new ElfWriter(sink, facts, { kept: pages.kept, ...elf });
  if ("parts" in sink) return new SplitWriter(sink as SplitSink, facts, pages, status, shared);
  return new KdumpWriter(sink, facts, pages, status, shared);
}
