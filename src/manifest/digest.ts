import { createHash, type Hash } from "node:crypto";
import { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { throwIfAborted } from "../errors.js";
import { aDump, aFileName, aFlag, aFunction, aSignal, checkArgument, maybe } from "../option-shape.js";
import type { Dump } from "../reader/dump.js";
import { type ByteSource, fileSource, openFile, readInto } from "../reader/source/byte-source.js";
import { inputChanged, maySeeChanges, sourcesOf } from "../reader/source/input-changed.js";
import { attachFile, closeOnce } from "../reader/source/source-image.js";
import { handleOf } from "../store/remote-object.js";
import { remoteSource } from "../store/remote-source.js";
import { isStorePath } from "../store/store-url.js";

/** A file by its content. */
export interface FileDigest {
  readonly bytes: number;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
}

/** Bytes that are hashed before other events may run. */
const PIECE = 4 << 20;

/** SHA-256 of a text's bytes in UTF-8. For the text of a UTF-8 file it is the file's own digest. */
export function textDigest(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** Called with the number of bytes that were read and the total. */
export type DigestProgress = (done: number, total: number) => void;

async function digest(
  source: ByteSource,
  signal: AbortSignal | undefined,
  onProgress: DigestProgress | undefined,
): Promise<FileDigest> {
  const hash = createHash("sha256");
  const piece = new Uint8Array(Math.min(PIECE, Math.max(1, source.size)));
  let bytes = 0;
  for (;;) {
    // Without this check, a file that ends early would get the digest of another file.
    const wanted = piece.subarray(0, Math.min(piece.length, source.size - bytes));
    readInto(source, wanted, bytes, "data");
    hash.update(wanted);
    bytes += wanted.length;
    onProgress?.(bytes, source.size);
    if (bytes === source.size) return { bytes, sha256: hash.digest("hex") };
    await setImmediate();
    throwIfAborted(signal);
  }
}

/** Opens a file or an object of a store, passes it to `use`, and closes it. Throws `NOT_READABLE`. */
export async function withSource<T>(path: string, use: (source: ByteSource) => T | Promise<T>): Promise<T> {
  if (isStorePath(path)) {
    const { openObject } = await import("../store/open-object.js");
    const remote = await openObject(path);
    try {
      return await use(remoteSource(remote));
    } finally {
      handleOf(remote)?.close();
    }
  }
  const file = openFile(path);
  try {
    return await use(fileSource(file));
  } finally {
    closeOnce([{ file, flattened: undefined }])();
  }
}

/** The digest of a file. Throws `NOT_READABLE`, `ABORTED`. */
export async function digestFile(path: string, signal?: AbortSignal, onProgress?: DigestProgress): Promise<FileDigest> {
  checkArgument("path", path, aFileName);
  checkArgument("signal", signal, maybe(aSignal));
  checkArgument("onProgress", onProgress, maybe(aFunction));
  return withSource(path, (source) => digest(source, signal, onProgress));
}

/** One file of a dump. */
export interface InputFile {
  /** As the user named it. */
  readonly path: string;
  readonly bytes: number;
  /** `undefined` if the caller does not want it, or if there is none: see `covers`. */
  readonly sha256: string | undefined;
  /**
   * The bytes that the digest covers: all bytes of the file, or the unpacked content of a packed file or a stream.
   * `undefined` if there is no digest. A machine's memory (/proc/vmcore, a device) never has one, because it must not
   * be read as a whole.
   */
  readonly covers: "file" | "unpacked" | undefined;
  /**
   * Why there is no digest: the caller does not want it (`unwanted`); the file is a machine's memory (`machine`); it is
   * bare memory that was written to (`changed`). `undefined` if there is one.
   */
  readonly withoutDigest?: "unwanted" | "machine" | "changed" | undefined;
}

/**
 * The files of a dump, read through the dump's own handles: so the digests are those of the bytes that were read, even
 * if another file has their name by now. For a packed file and a stream they cover the unpacked content; if the dump
 * was opened with `digest`, nothing is read again for that. A machine's memory is not read: some of its pages must not
 * be touched, and two readings of it would differ. So would two of bare memory that a machine writes to: it has no digest
 * either. Throws `INPUT_CHANGED` if another file changed since it was opened.
 */
export async function filesOfDump(
  dump: Dump,
  digests: boolean,
  signal?: AbortSignal,
  onProgress?: DigestProgress,
): Promise<InputFile[]> {
  checkArgument("dump", dump, aDump);
  checkArgument("digests", digests, maybe(aFlag));
  checkArgument("signal", signal, maybe(aSignal));
  checkArgument("onProgress", onProgress, maybe(aFunction));
  const found: InputFile[] = [];
  const mayRun = maySeeChanges(dump);
  const running = digests && mayRun && inputChanged(dump.image) !== undefined;
  for (const source of sourcesOf(dump.image)) {
    const { file, spool } = source;
    const { path, size } = file;
    const reason = !digests ? "unwanted" : file.live === true ? "machine" : running ? "changed" : undefined;
    if (reason !== undefined) found.push(withoutDigest({ path, bytes: size }, reason));
    else {
      const known = spool?.sha256;
      const taken =
        known === undefined ? await digest(attachFile(source), signal, onProgress) : { bytes: size, sha256: known };
      found.push({ path, ...taken, covers: spool === undefined ? "file" : "unpacked" });
    }
  }
  const change = digests && !running ? inputChanged(dump.image) : undefined;
  if (change === undefined) return found;
  if (!mayRun) throw change;
  return found.map((one) => withoutDigest(one, one.withoutDigest ?? "changed"));
}

function withoutDigest(
  { path, bytes }: Pick<InputFile, "path" | "bytes">,
  reason: NonNullable<InputFile["withoutDigest"]>,
): InputFile {
  return { path, bytes, sha256: undefined, covers: undefined, withoutDigest: reason };
}

/** A stream that passes everything on to another one and computes its digest. */
export function digestingStream(target: NodeJS.WritableStream): { stream: Writable; digest(): FileDigest } {
  const hash: Hash = createHash("sha256");
  let bytes = 0;
  const stream = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      target.write(chunk, done);
    },
  });
  return { stream, digest: () => ({ bytes, sha256: hash.digest("hex") }) };
}
