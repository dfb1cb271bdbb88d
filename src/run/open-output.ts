import { DumpError } from "../errors.js";
import type { Dump } from "../reader/dump.js";
import type { FileIdentity } from "../reader/source/file-identity.js";
import { limitedTarget } from "../writer/byte-target.js";
import { discardSink } from "../writer/discard-sink.js";
import type { DumpWriter } from "../writer/dump-writer.js";
import { createFlattenedSink } from "../writer/flattened-sink.js";
import type { PagesInMemory } from "../writer/kdump-writer.js";
import { limitedSink } from "../writer/limited-sink.js";
import { NamedFiles } from "../writer/named-files.js";
import { openFileSink } from "../writer/open-file-sink.js";
import { createOrderedSink } from "../writer/ordered-sink.js";
import { createWriter, type OutputDescription } from "../writer/output-description.js";
import { packedTarget } from "../writer/packed/packed-target.js";
import type { SharedPages } from "../writer/shared-pages.js";
import type { Destination, Sink } from "../writer/sink.js";
import { SplitWriter, splitDestination } from "../writer/split-writer.js";
import { streamTarget } from "../writer/stream-target.js";
import type { SplitOutput, StreamOutput, WholeFilterOptions } from "./filter-types.js";

/** An opened output: its destination, and how to make its writer. */
export interface OpenedOutput {
  readonly destination: Destination;
  /** Makes the writer for a described output. To be called once. Throws what the writer's constructor throws. */
  writer(output: OutputDescription, pages: PagesInMemory, shared?: SharedPages): DumpWriter;
}

/** Opens the destination of a filter run. Throws `OUTPUT_EXISTS`, `NOT_WRITABLE`, `CODEC_MISSING`. */
export async function openOutput(options: WholeFilterOptions, dump: Dump): Promise<OpenedOutput> {
  const { output } = options;
  if ("paths" in output) return openSplit(options, output, dump);
  if ("stream" in output) return oneFile(streamSink(options, output));
  if ("path" in output) {
    const { path, ...how } = output;
    return oneFile(await openFileSink(path, { ...how, ...restOf(options) }, dump.paths));
  }
  const sink = "sink" in output ? output.sink : discardSink(output.name);
  return oneFile(options.sizeLimit === undefined ? sink : limitedSink(sink, options.sizeLimit));
}

function oneFile(sink: Sink): OpenedOutput {
  return { destination: sink, writer: (output, pages, shared) => createWriter(output, pages, sink, shared) };
}

/** Opens the files of a split set; each may have `sizeLimit` bytes. */
async function openSplit(
  options: WholeFilterOptions,
  { paths, ...how }: SplitOutput,
  dump: Dump,
): Promise<OpenedOutput> {
  const parts: Sink[] = [];
  let writer: SplitWriter | undefined;
  const named = new NamedFiles();
  const destination = splitDestination(parts, () => writer?.sizes ?? [], named);
  try {
    for (const path of paths) {
      const onNamed = (file: FileIdentity) => named.add(path, file);
      parts.push(await openFileSink(path, { ...how, ...restOf(options), onNamed }, dump.paths));
    }
  } catch (error) {
    // Nothing was written to them yet, so a file's sink can be abandoned at once.
    for (const part of parts) void part.abort();
    const left = destination.leftBehind?.();
    throw left === undefined || !(error instanceof DumpError) ? error : error.with({ left: left });
  }
  return {
    destination,
    writer(output, pages, shared) {
      if (output.elf !== undefined) throw new Error("an ELF file is not split");
      writer = new SplitWriter(parts, output, pages, shared);
      return writer;
    },
  };
}

function restOf({ spool, sizeLimit, warnings }: WholeFilterOptions) {
  return { warnings, ...(spool && { spool }), ...(sizeLimit === undefined ? {} : { limit: sizeLimit }) };
}

function streamSink({ signal, sizeLimit, spool = {} }: WholeFilterOptions, output: StreamOutput): Sink {
  const stream = streamTarget(output.stream, output.name ?? "the output stream", signal);
  const target = sizeLimit === undefined ? stream : limitedTarget(stream, sizeLimit);
  const { pack } = output;
  try {
    if (output.plain) return createOrderedSink(target, { packing: pack, spool, limit: sizeLimit });
    return createFlattenedSink(pack === undefined ? target : packedTarget(target, pack));
  } catch (error) {
    void stream.abort();
    throw error;
  }
}
