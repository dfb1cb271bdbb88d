import type { KernelView } from "./filter/kernel-view.js";
import type { PagePlan } from "./filter/plan.js";
import type { FilterOptions, FilterOutput } from "./filter-types.js";
import type { Dump } from "./reader/dump.js";
import { CODEC_FLAGS } from "./worker/codec/codecs.js";
import { dumpFacts } from "./writer/collect-facts.js";
import { discardSink } from "./writer/discard-sink.js";
import type { DumpWriter } from "./writer/dump-writer.js";
import { outputClass, outputSegments } from "./writer/elf-segments.js";
import { ElfWriter } from "./writer/elf-writer.js";
import { createFileSink } from "./writer/file-sink.js";
import { createFlattenedSink } from "./writer/flattened-sink.js";
import { KdumpWriter } from "./writer/kdump-writer.js";
import { limitedSink } from "./writer/limited-sink.js";
import type { SharedPages } from "./writer/shared-pages.js";
import type { Sink } from "./writer/sink.js";
import { type SplitSink, SplitWriter, splitSink } from "./writer/split-writer.js";

/** Opens what a filter run writes to. Throws `OUTPUT_EXISTS`, `NOT_WRITABLE`. */
export function openSink(options: FilterOptions, dump: Dump): Sink {
  const { output, signal } = options;
  if ("paths" in output) return openSplit(options, output, dump);
  const sink = unlimitedSink(output, signal, dump);
  return options.sizeLimit === undefined ? sink : limitedSink(sink, options.sizeLimit, "stream" in output);
}

/** Each file may have `sizeLimit` bytes. */
function openSplit(
  { sizeLimit }: FilterOptions,
  { paths, force = false, sync = false }: Extract<FilterOutput, { paths: unknown }>,
  dump: Dump,
): SplitSink {
  const sinks: Sink[] = [];
  try {
    for (const path of paths) {
      const sink = createFileSink(path, { force, sync, inputs: dump.paths });
      sinks.push(sizeLimit === undefined ? sink : limitedSink(sink, sizeLimit, false));
    }
  } catch (error) {
    for (const sink of sinks) void sink.abort();
    throw error;
  }
  return splitSink(sinks);
}

function unlimitedSink(
  output: Exclude<FilterOutput, { paths: unknown }>,
  signal: AbortSignal | undefined,
  dump: Dump,
): Sink {
  if ("stream" in output) return createFlattenedSink(output.stream, output.name ?? "the output stream", signal);
  if ("discard" in output) return discardSink(output.name);
  const { path, force = false, sync = false } = output;
  return createFileSink(path, { force, sync, inputs: dump.paths });
}

/** The writer of the output's format. */
export function makeWriter(
  dump: Dump,
  view: KernelView | undefined,
  plan: PagePlan,
  level: number,
  { format, codec }: FilterOptions,
  sink: Sink,
  incomplete: boolean,
  shared: SharedPages | undefined,
): DumpWriter {
  const facts = { ...dumpFacts(dump, view, plan, level, format), incomplete };
  if ("parts" in sink) return new SplitWriter(sink as SplitSink, facts, plan, CODEC_FLAGS[codec.name]);
  if (format === "kdump") return new KdumpWriter(sink, facts, plan, CODEC_FLAGS[codec.name], shared);
  const segments = outputSegments(dump, view, plan);
  return new ElfWriter(sink, facts, { kept: plan.kept, segments, ...outputClass(dump, segments) });
}
