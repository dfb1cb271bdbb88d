import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DigestProgress, withSource } from "../manifest/digest.js";
import { readInto } from "../reader/source/byte-source.js";
import { isStorePath } from "../store/store-url.js";
import { throwIfAborted } from "../worker/pool.js";
import { abandoned } from "../writer/abandoned.js";
import { type ByteTarget, sinkTarget } from "../writer/byte-target.js";
import { createHeldFile, type HeldFile } from "../writer/file-sink.js";
import { readyFileSink } from "../writer/open-file-sink.js";
import { isHttpOutput } from "../writer/part-urls.js";
import { streamTarget } from "../writer/stream-target.js";
import type { HandOverOptions } from "./hand-over-types.js";

/** Where a dump lies until it has passed its checks, and how it gets to where it is to be. */
export interface HandOverPlace {
  /** What the caller calls the output. */
  readonly name: string;
  readonly work: HeldFile;
  /** Whether the output is another file than the one that is checked: it has to be sent. */
  readonly sends: boolean;
  /** Sends it, as far as it can be taken back. */
  send(signal: AbortSignal | undefined, onProgress: DigestProgress): Promise<void>;
  /** Makes it appear. */
  appear(): Promise<void>;
  /** The run failed, or found something. Never throws. */
  abort(): Promise<void>;
  leftBehind(): string | undefined;
}

const PIECE = 4 << 20;

/** Opens the place of an output. Throws `OUTPUT_EXISTS`, `NOT_WRITABLE`. */
export async function openPlace(
  { output, spool = {}, signal }: HandOverOptions,
  inputs: readonly string[],
): Promise<HandOverPlace> {
  if ("path" in output && !isStorePath(output.path) && !isHttpOutput(output.path)) return heldPlace(output, inputs);
  const target = await openTarget(output, inputs, signal, spool.dir);
  const work = await openWork(spool.dir ?? tmpdir(), target);
  return {
    name: target.name,
    work,
    sends: true,
    async send(stop, onProgress) {
      await withSource(work.path(), async (source) => {
        const piece = new Uint8Array(Math.min(PIECE, Math.max(1, source.size)));
        for (let at = 0; at < source.size; ) {
          const part = piece.subarray(0, Math.min(piece.length, source.size - at));
          readInto(source, part, at, "data");
          await target.write(part);
          at += part.length;
          onProgress(at, source.size);
          throwIfAborted(stop);
        }
      });
    },
    async appear() {
      await target.finish();
      await work.sink.abort();
    },
    async abort() {
      await target.abort();
      await work.sink.abort();
    },
    leftBehind: () => target.leftBehind?.() ?? work.sink.leftBehind?.(),
  };
}

/** A plain file is checked where it will be. */
function heldPlace(
  { path, force = false, sync = false }: { readonly path: string; readonly force?: boolean; readonly sync?: boolean },
  inputs: readonly string[],
): HandOverPlace {
  const work = createHeldFile(path, { force, sync, inputs });
  return {
    name: path,
    work,
    sends: false,
    async send() {},
    async appear() {
      work.appear();
    },
    abort: () => work.sink.abort(),
    leftBehind: () => work.sink.leftBehind?.(),
  };
}

async function openTarget(
  output: HandOverOptions["output"],
  inputs: readonly string[],
  signal: AbortSignal | undefined,
  dir: string | undefined,
): Promise<ByteTarget> {
  if ("stream" in output) return streamTarget(output.stream, output.name ?? "the output stream", signal);
  const { path, ...how } = output;
  return sinkTarget(await readyFileSink(path, { ...how, spool: { ...(dir === undefined ? {} : { dir }) } }, inputs));
}

/** Its name is never used: it has the temporary one until it is taken away. */
async function openWork(dir: string, target: ByteTarget): Promise<HeldFile> {
  try {
    return createHeldFile(join(dir, `coresieve-handover-${process.pid}`), { force: true, inputs: [] });
  } catch (error) {
    throw await abandoned(error, target);
  }
}
