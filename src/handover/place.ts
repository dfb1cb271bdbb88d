import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Encrypter } from "age-encryption";
import { throwIfAborted } from "../errors.js";
import { type DigestProgress, type FileDigest, withSource } from "../manifest/digest.js";
import { type ByteSource, readInto } from "../reader/source/byte-source.js";
import { isStorePath } from "../store/store-url.js";
import { abandoned } from "../writer/abandoned.js";
import { type ByteTarget, sinkTarget } from "../writer/byte-target.js";
import { createHeldFile, type HeldFile } from "../writer/file-sink.js";
import { readyFileSink } from "../writer/open-file-sink.js";
import { isHttpOutput } from "../writer/part-urls.js";
import { streamTarget } from "../writer/stream-target.js";
import type { HandOverOptions } from "./hand-over-types.js";
import { sealStream } from "./seal.js";

/** Where a dump is until it has passed its checks, and how it gets to its destination. */
export interface HandOverPlace {
  /** The name of the output for the caller. */
  readonly name: string;
  readonly work: HeldFile;
  /** Whether the output is another file than the checked one, so that it has to be sent. */
  readonly sends: boolean;
  /**
   * Sends the dump, in a way that can still be undone. Returns the digest of the sent bytes if it is not the dump's: if
   * they are sealed.
   */
  send(signal: AbortSignal | undefined, onProgress: DigestProgress): Promise<FileDigest | undefined>;
  /** Makes it appear. */
  appear(): Promise<void>;
  /** The run failed, or there were findings. Never throws. */
  abort(): Promise<void>;
  leftBehind(): string | undefined;
}

const PIECE = 4 << 20;

/** Opens the place of an output. Throws `OUTPUT_EXISTS`, `NOT_WRITABLE`. */
export async function openPlace(
  { output, spool = {}, signal }: HandOverOptions,
  inputs: readonly string[],
  encrypter: Encrypter | undefined,
): Promise<HandOverPlace> {
  const isFile = "path" in output && !isStorePath(output.path) && !isHttpOutput(output.path);
  if (isFile && encrypter === undefined) return heldPlace(output, inputs);
  const target = await openTarget(output, inputs, signal, spool.dir);
  const work = await openWork(spool.dir ?? (isFile ? dirname(output.path) : tmpdir()), target);
  return {
    name: target.name,
    work,
    sends: true,
    send(stop, onProgress) {
      return withSource(work.path(), async (source) => {
        const plain = bytesOf(source, stop, onProgress);
        const hash = createHash("sha256");
        let bytes = 0;
        for await (const part of encrypter === undefined ? plain : sealStream(plain, encrypter)) {
          await target.write(part);
          if (encrypter !== undefined) hash.update(part);
          bytes += part.length;
        }
        return encrypter === undefined ? undefined : { bytes, sha256: hash.digest("hex") };
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

async function* bytesOf(
  source: ByteSource,
  stop: AbortSignal | undefined,
  onProgress: DigestProgress,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < source.size; ) {
    const part = new Uint8Array(Math.min(PIECE, source.size - at));
    readInto(source, part, at, "data");
    yield part;
    at += part.length;
    onProgress(at, source.size);
    throwIfAborted(stop);
  }
}

/** A plain file is checked at its destination. */
function heldPlace(
  { path, force = false, sync = false }: { readonly path: string; readonly force?: boolean; readonly sync?: boolean },
  inputs: readonly string[],
): HandOverPlace {
  const work = createHeldFile(path, { force, sync, inputs });
  return {
    name: path,
    work,
    sends: false,
    send: async () => undefined,
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

/** Its final name is never used: it keeps the temporary name until it is removed. */
async function openWork(dir: string, target: ByteTarget): Promise<HeldFile> {
  try {
    return createHeldFile(join(dir, `coresieve-handover-${process.pid}`), { force: true, inputs: [] });
  } catch (error) {
    throw await abandoned(error, target);
  }
}
