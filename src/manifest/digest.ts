import { createHash, type Hash } from "node:crypto";
import { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { type FileHandle, fileSource, openFile } from "../reader/byte-source.js";
import type { DumpImage } from "../reader/dump.js";
import { closeOnce } from "../reader/source-image.js";
import { throwIfAborted } from "../worker/pool.js";

/** A file by its content. */
export interface FileDigest {
  readonly bytes: number;
  /** SHA-256, hexadecimal. */
  readonly sha256: string;
}

/** Bytes hashed between two turns of the event loop. */
const PIECE = 4 << 20;

async function digest(file: FileHandle, signal: AbortSignal | undefined): Promise<FileDigest> {
  const source = fileSource(file);
  const hash = createHash("sha256");
  const piece = new Uint8Array(Math.min(PIECE, Math.max(1, file.size)));
  let bytes = 0;
  for (;;) {
    const n = source.read(piece, bytes);
    hash.update(piece.subarray(0, n));
    bytes += n;
    if (n < piece.length) return { bytes, sha256: hash.digest("hex") };
    await setImmediate();
    throwIfAborted(signal);
  }
}

/** The digest of a file. Throws `NOT_READABLE`, `ABORTED`. */
export async function digestFile(path: string, signal?: AbortSignal): Promise<FileDigest> {
  const file = openFile(path);
  try {
    return await digest(file, signal);
  } finally {
    closeOnce([{ file, flattened: undefined }])();
  }
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
 * even if another file has their name by now.
 */
export async function filesOfDump(image: DumpImage, digests: boolean, signal?: AbortSignal): Promise<InputFile[]> {
  const files = image.kind === "kdump" ? image.parts.map((part) => part.source.file) : [image.source.file];
  const found: InputFile[] = [];
  for (const file of files) {
    const taken = digests ? await digest(file, signal) : { bytes: file.size, sha256: undefined };
    found.push({ path: file.path, ...taken });
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
