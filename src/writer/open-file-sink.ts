import { dirname } from "node:path";
import { DumpError } from "../errors.js";
import type { Packing } from "../reader/source/packed/packing.js";
import type { SpoolOptions } from "../reader/source/spool/spool-file.js";
import { isStorePath } from "../store/store-url.js";
import type { Warnings } from "../warnings.js";
import { abandoned } from "./abandoned.js";
import { limitedTarget, sinkTarget } from "./byte-target.js";
import { createFileSink, type FileSinkOptions } from "./file-sink.js";
import { limitedSink } from "./limited-sink.js";
import { createOrderedSink } from "./ordered-sink.js";
import { isHttpOutput } from "./part-urls.js";
import type { Sink } from "./sink.js";

/** How to write a dump's file. */
export interface FileOutputOptions {
  readonly force?: boolean;
  /** Whether to wait until the disk has it before it gets its name. */
  readonly sync?: boolean;
  /** Packing of the whole file. Default: none. */
  readonly pack?: Packing | undefined;
  /** The temporary files that a packed file may need. Default: in the folder of the output. */
  readonly spool?: SpoolOptions;
  /** The most bytes of the file. */
  readonly limit?: number;
  /** See `FileSinkOptions`. */
  readonly warnings?: Warnings | undefined;
  /** See `FileSinkOptions`. */
  readonly onNamed?: FileSinkOptions["onNamed"];
}

/** The sink of a file, packed or not. Throws `OUTPUT_EXISTS`, `NOT_WRITABLE`, `CODEC_MISSING`. */
export async function openFileSink(path: string, options: FileOutputOptions, inputs: readonly string[]): Promise<Sink> {
  const { force = false, sync = false, pack, spool, limit, warnings, onNamed } = options;
  const file = await openPlain(path, { force, sync, inputs, warnings, onNamed }, spool);
  if (pack === undefined) return limit === undefined ? file : limitedSink(file, limit);
  const target = limit === undefined ? sinkTarget(file) : limitedTarget(sinkTarget(file), limit);
  try {
    return createOrderedSink(target, {
      packing: pack,
      spool: isStorePath(path) || isHttpOutput(path) ? (spool ?? {}) : { dir: dirname(path), ...spool },
      limit,
    });
  } catch (error) {
    // If packing is refused, nothing has been written yet, so a file's sink can be abandoned at once.
    void file.abort();
    const left = file.leftBehind?.();
    throw left === undefined || !(error instanceof DumpError) ? error : error.with({ left: left });
  }
}

async function openPlain(path: string, options: FileSinkOptions, spool: SpoolOptions | undefined): Promise<Sink> {
  if (isHttpOutput(path))
    return (await import("./http-sink.js")).createHttpSink(path, { dir: spool?.dir, warnings: options.warnings });
  if (isStorePath(path)) return (await import("./object-sink.js")).createObjectSink(path, options);
  return createFileSink(path, options);
}

/** The same, and waits until it is known that no object has this name. Throws also what `ready` throws. */
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
