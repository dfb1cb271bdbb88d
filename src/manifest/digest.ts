import { createHash, type Hash } from "node:crypto";
import { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { Dump } from "../reader/dump.js";
import { type ByteSource, fileSource, openFile, readInto } from "../reader/source/byte-source.js";
import { attachFile, closeOnce } from "../reader/source/source-image.js";
import { handleOf } from "../store/remote-object.js";
import { remoteSource } from "../store/remote-source.js";
import { isStorePath } from "../store/store-url.js";
import { throwIfAborted } from "../worker/pool.js";

/** A file by its content. */
export interface FileDigest {
  readonly bytes: number;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
}

/** Bytes hashed between two turns of the event loop. */
const PIECE = 4 << 20;

async function digest(source: ByteSource, signal: AbortSignal | undefined): Promise<FileDigest> {
  const hash = createHash("sha256");
  const piece = new Uint8Array(Math.min(PIECE, Math.max(1, source.size)));
  let bytes = 0;
  for (;;) {
    // What ends before would have the digest of another file.
    const wanted = piece.subarray(0, Math.min(piece.length, source.size - bytes));
    readInto(source, wanted, bytes, "data");
    hash.update(wanted);
    bytes += wanted.length;
    if (bytes === source.size) return { bytes, sha256: hash.digest("hex") };
    await setImmediate();
    throwIfAborted(signal);
  }
}

/** Hands an open file, or an object of a store, to `use`, and closes it. Throws `NOT_READABLE`. */
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
export function digestFile(path: string, signal?: AbortSignal): Promise<FileDigest> {
  return withSource(path, (source) => digest(source, signal));
}

/** One file of a dump. */
export interface InputFile {
  /** As the user named it. */
  readonly path: string;
  readonly bytes: number;
  /** `undefined` if it was not asked for. */
  readonly sha256: string | undefined;
}

/**
 * The files of a dump, read through the handles that the dump itself reads through: the digests are of what was read,
 * even if another file has their name by now. Of a packed file, and of a stream, they are of what is inside.
 */
export async function filesOfDump({ image }: Dump, digests: boolean, signal?: AbortSignal): Promise<InputFile[]> {
  const sources = image.kind === "kdump" ? image.parts.map((part) => part.source) : [image.source];
  const found: InputFile[] = [];
  for (const source of sources) {
    const { path, size } = source.file;
    const taken = digests ? await digest(attachFile(source), signal) : { bytes: size, sha256: undefined };
    found.push({ path, ...taken });
  }
  return found;
}

/** A stream that hands everything on to another one and takes its digest. */
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
