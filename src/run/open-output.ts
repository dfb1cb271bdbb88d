import { DumpError, leaving } from "../errors.js";
import type { Dump } from "../reader/dump.js";
import { limitedTarget } from "../writer/byte-target.js";
import { discardSink } from "../writer/discard-sink.js";
import { createFlattenedSink } from "../writer/flattened-sink.js";
import { limitedSink } from "../writer/limited-sink.js";
import { openFileSink } from "../writer/open-file-sink.js";
import { createOrderedSink } from "../writer/ordered-sink.js";
import { packedTarget } from "../writer/packed/packed-target.js";
import type { Sink } from "../writer/sink.js";
import { type SplitSink, splitSink } from "../writer/split-writer.js";
import { streamTarget } from "../writer/stream-target.js";
import type { FilterOptions, SplitOutput, StreamOutput } from "./filter-types.js";

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
    // Nothing is written to them yet; a file's sink gives up at once.
    for (const sink of sinks) void sink.abort();
    const left = splitSink(sinks).leftBehind?.();
    throw left === undefined || !(error instanceof DumpError) ? error : leaving(error, left);
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
