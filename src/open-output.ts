import type { KernelView } from "./filter/kernel-view.js";
import type { PagePlan } from "./filter/plan.js";
import type { FilterOptions, SplitOutput, StreamOutput } from "./filter-types.js";
import type { Dump } from "./reader/dump.js";
import { CODEC_FLAGS } from "./worker/codec/codecs.js";
import { limitedTarget } from "./writer/byte-target.js";
import { dumpFacts } from "./writer/collect-facts.js";
import { discardSink } from "./writer/discard-sink.js";
import type { DumpWriter } from "./writer/dump-writer.js";
import { outputClass, outputSegments } from "./writer/elf-segments.js";
import { ElfWriter } from "./writer/elf-writer.js";
import { createFlattenedSink } from "./writer/flattened-sink.js";
import { KdumpWriter } from "./writer/kdump-writer.js";
import { limitedSink } from "./writer/limited-sink.js";
import { openFileSink } from "./writer/open-file-sink.js";
import { createOrderedSink } from "./writer/ordered-sink.js";
import { packedTarget } from "./writer/packed/packed-target.js";
import type { SharedPages } from "./writer/shared-pages.js";
import type { Sink } from "./writer/sink.js";
import { type SplitSink, SplitWriter, splitSink } from "./writer/split-writer.js";
import { streamTarget } from "./writer/stream-target.js";

/** Opens what a filter run writes to. Throws `OUTPUT_EXISTS`, `NOT_WRITABLE`, `CODEC_MISSING`. */
export function openSink(options: FilterOptions, dump: Dump): Sink {
  const { output } = options;
  if ("paths" in output) return openSplit(options, output, dump);
  if ("stream" in output) return streamSink(options, output);
  if ("path" in output) {
    const { path, ...how } = output;
    return openFileSink(path, { ...how, ...restOf(options) }, dump.paths);
  }
  const sink = discardSink(output.name);
  return options.sizeLimit === undefined ? sink : limitedSink(sink, options.sizeLimit);
}

/** Each file may have `sizeLimit` bytes. */
function openSplit(options: FilterOptions, { paths, ...how }: SplitOutput, dump: Dump): SplitSink {
  const sinks: Sink[] = [];
  try {
    for (const path of paths) sinks.push(openFileSink(path, { ...how, ...restOf(options) }, dump.paths));
  } catch (error) {
    for (const sink of sinks) void sink.abort();
    throw error;
  }
  return splitSink(sinks);
}

function restOf({ spool, sizeLimit }: FilterOptions) {
  return { ...(spool && { spool }), ...(sizeLimit === undefined ? {} : { limit: sizeLimit }) };
}

function streamSink({ signal, sizeLimit, spool = {} }: FilterOptions, output: StreamOutput): Sink {
  const stream = streamTarget(output.stream, output.name ?? "the output stream", signal);
  const target = sizeLimit === undefined ? stream : limitedTarget(stream, sizeLimit);
  const { pack } = output;
  if (output.plain) return createOrderedSink(target, { packing: pack, spool, limit: sizeLimit });
  return createFlattenedSink(pack === undefined ? target : packedTarget(target, pack));
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
