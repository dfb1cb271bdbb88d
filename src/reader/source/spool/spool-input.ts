import { createHash, type Hash } from "node:crypto";
import { DumpError } from "../../../errors.js";
import type { Warnings } from "../../../warnings.js";
import { HEAD_SIZE } from "../../format.js";
import type { InputOptions } from "../../input-options.js";
import { KNOWN_HEAD_SIZE } from "../../known-files.js";
import { takeSaveHeader } from "../../libvirt-save/packed-stream.js";
import { checkHead, isDumpHead } from "../../open-sources.js";
import { damageOf } from "../../tolerant-memory.js";
import { ARCHIVES } from "../archive/archives.js";
import { cureWithoutDump, type Wanted } from "../archive/find-member.js";
import type { ByteStream } from "../byte-stream.js";
import { streamChanged } from "../input-changed.js";
import type { ByteQueue } from "../packed/byte-queue.js";
import { unpackStream } from "../packed/unpack.js";
import type { SourceImage } from "../source-image.js";
import { upToClaimedEnd } from "./claimed-end.js";
import { createSpoolFile } from "./spool-file.js";
import { type SpoolProgress, spoolStream } from "./spool-stream.js";

/**
 * Reads a stream to its end, unpacked if it was packed, into a spool file. With `salvage`, a stream that is damaged or
 * cut off counts up to that point. Throws `NOT_READABLE`, `TRUNCATED`, `CORRUPT`, `CODEC_MISSING`, `NO_SPACE`,
 * `NOT_WRITABLE`, `ABORTED`; then the file is removed.
 */
export async function spoolInput(
  { name, chunks: stream, changed, drop }: ByteStream,
  warnings: Warnings,
  { spool = {}, salvage = false, onSpool, raw, addresses, digest = false, identity, signal }: InputOptions,
): Promise<Required<Pick<SourceImage, "file" | "spool">>> {
  const bare = raw !== undefined || addresses !== undefined;
  const file = createSpoolFile(spool);
  try {
    const takeHeader = (queue: ByteQueue) => takeSaveHeader(queue, name, { salvage, warnings });
    const { packing, chunks } = await unpackStream(stream, name, {
      ...{ salvage, identity, signal },
      ...(!bare ? { wanted: wantedDump(name), takeHeader } : { bare: true }),
    });
    const onProgress = onSpool && ((progress: SpoolProgress) => onSpool(name, progress));
    let cut: DumpError | undefined;
    const bounded = upToClaimedEnd(chunks, name, salvage, (end) => {
      addMoreBytes(warnings, name, end);
      // Its file is about to be closed, and a program that writes to it need not go on. The result is not awaited.
      stream[Symbol.asyncIterator]()
        .return?.()
        .catch(() => undefined);
    });
    const dump = !bare ? checked(bounded, name) : bounded;
    const hash = digest ? createHash("sha256") : undefined;
    const bytes = hash === undefined ? dump : hashed(dump, hash);
    const { size, ends } = await spoolStream({ name, chunks: bytes }, file, onProgress, (error) => {
      if (!salvage) throw error;
      cut = damageOf(error);
    });
    if (cut !== undefined && size === 0) throw cut;
    if (cut !== undefined) warnings.add("CUT_OFF", cut);
    if (changed?.() === true) {
      throw streamChanged(name);
    }
    if (size === 0) {
      throw new DumpError("NOT_READABLE", "is empty", { file: name, cure: "Check that the dump was written to it" });
    }
    return {
      file: { path: name, fd: file.fd, size, mtimeMs: 0 },
      spool: { size, ends, packing, path: file.path, ...(hash && { sha256: hash.digest("hex") }) },
    };
  } catch (error) {
    file.drop();
    const over = stream[Symbol.asyncIterator]().return?.();
    const ended = Promise.resolve(over).catch(() => undefined);
    drop?.();
    if (changed !== undefined) await ended;
    throw error;
  }
}

function wantedDump(name: string): Wanted {
  return {
    noun: "a dump",
    is: (head) => isDumpHead(head, name),
    archives: ARCHIVES,
    cure: cureWithoutDump,
  };
}

function addMoreBytes(warnings: Warnings, name: string, end: number): void {
  warnings.add(
    "MORE_BYTES",
    `${name} continues after byte ${end}, where its headers say that it ends; the rest was not read`,
  );
}

/** Adds a stream's bytes to a digest. */
async function* hashed(chunks: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

/**
 * Passes a stream on if its head is a dump's. Otherwise reads more of it, to say what it is. A stream that is shorter
 * than a head is judged at its end.
 */
async function* checked(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = new Uint8Array(0);
  for await (const chunk of chunks) {
    if (head === undefined) yield chunk;
    else {
      head = Buffer.concat([head, chunk]);
      if (head.length < HEAD_SIZE) continue;
      if (!isDumpHead(head, name)) {
        if (head.length < KNOWN_HEAD_SIZE) continue;
        checkHead(head.subarray(0, KNOWN_HEAD_SIZE), name);
      }
      yield head;
      head = undefined;
    }
  }
  if (head === undefined || head.length === 0) return;
  if (head.length >= HEAD_SIZE) checkHead(head, name);
  yield head;
}
