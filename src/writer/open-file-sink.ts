import { dirname } from "node:path";
import { DumpError } from "../errors.js";
import type { Packing } from "../reader/source/packed/packing.js";
import type { SpoolOptions } from "../reader/source/spool/spool-file.js";
import { isStorePath } from "../store/store-url.js";
import { abandoned } from "./abandoned.js";
import { limitedTarget, sinkTarget } from "./byte-target.js";
import { createFileSink, type FileSinkOptions } from "./file-sink.js";
import { limitedSink } from "./limited-sink.js";
import { createOrderedSink } from "./ordered-sink.js";
import { isHttpOutput } from "./part-urls.js";
import type { Sink } from "./sink.js";

/** How a dump's file is written. */
export interface FileOutputOptions {
  readonly force?: boolean;
  /** Wait until the disk has it, before it gets its name. */
  readonly sync?: boolean;
  /** The whole file is packed so; otherwise not. */
  readonly pack?: Packing | undefined;
  /** The temporary files that a packed file may need; if nothing is said beside it. */
  readonly spool?: SpoolOptions;
  /** Most bytes of the file. */
  readonly limit?: number;
}

/** The sink of a file, packed or not. Throws `OUTPUT_EXISTS`, `NOT_WRITABLE`, `CODEC_MISSING`. */
export async function openFileSink(path: string, options: FileOutputOptions, inputs: readonly string[]): Promise<Sink> {
  const { force = false, sync = false, pack, spool, limit } = options;
  const file = await openPlain(path, { force, sync, inputs }, spool);
  if (pack === undefined) return limit === undefined ? file : limitedSink(file, limit);
  const target = limit === undefined ? sinkTarget(file) : limitedTarget(sinkTarget(file), limit);
  try {
    return createOrderedSink(target, {
      packing: pack,
      spool: isStorePath(path) || isHttpOutput(path) ? (spool ?? {}) : { dir: dirname(path), ...spool },
      limit,
    });
  } catch (error) {
    // Packing a file is refused before anything is written to it; a file's sink gives up at once.
    void file.abort();
    const left = file.leftBehind?.();
    throw left === undefined || !(error instanceof DumpError) ? error : error.with({ left: left });
  }
}

async function openPlain(path: string, options: FileSinkOptions, spool: SpoolOptions | undefined): Promise<Sink> {
  if (isHttpOutput(path)) return (await import("./http-sink.js")).createHttpSink(path, spool?.dir);
  if (isStorePath(path)) return (await import("./object-sink.js")).createObjectSink(path, options);
  return createFileSink(path, options);
}

/** The same, when it is known that there is no object of that name yet. Throws what `ready` does, too. */
export async function readyFileSink(
  path: string,
  options: FileOutputOptions,
  inputs: readonly string[],
): Promise<Sink> {
  const sink = await openFileSink(path, options, inputs);
  try {
    await sink.ready?.();
    return sink;
  } catch (error) {
    throw await abandoned(error, sink);
  }
}
