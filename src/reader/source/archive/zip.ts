import { createInflateRaw } from "node:zlib";
import { DumpError } from "../../../errors.js";
import { piped } from "../../../option-words.js";
import { cutOffError } from "../../damage.js";
import type { ByteQueue } from "../packed/byte-queue.js";
import { type ArchiveEntries, MAX_ENTRIES } from "./member-bytes.js";
import { isZip } from "./recognise.js";

/*
 * zip (PKWARE's APPNOTE.TXT), read from its beginning. Each file has a header before it, with its sizes; if the sizes
 * were not known when it was written, a flag says that they follow the file. The directory at the end is not needed, so
 * the archive may come through a pipe.
 */

const DESCRIPTOR = 0x08074b50;
const HEADER = 30;
const STORED = 0;
const DEFLATED = 8;
const ZIP64 = 1;
const UNKNOWN = 0xffff_ffff;

/** Reads an archive. Throws `TRUNCATED`, `CORRUPT`, `LIMIT`; reading a file also `UNSUPPORTED`. */
export async function* zipEntries(queue: ByteQueue, file: string): ArchiveEntries {
  for (let count = 0; ; count++) {
    const head = (await queue.peek(HEADER)).slice();
    // The directory follows the last file.
    if (!isZip(head)) return;
    if (count === MAX_ENTRIES) throw damaged(queue, file, `more than ${MAX_ENTRIES} files`);
    const names = (head[26] as number) | ((head[27] as number) << 8);
    const extras = (head[28] as number) | ((head[29] as number) << 8);
    const whole = (await queue.take(HEADER + names + extras)).slice();
    if (whole.length < HEADER + names + extras) throw cut(queue, file);
    const name = Buffer.from(whole.subarray(HEADER, HEADER + names)).toString("latin1");
    const flags = (head[6] as number) | ((head[7] as number) << 8);
    const method = (head[8] as number) | ((head[9] as number) << 8);
    const size = packedSize(whole, HEADER + names);
    const described = (flags & 8) !== 0;
    const member = { queue, file, name, size: described && size === 0 ? undefined : size };
    const end = queue.position + (size ?? 0);
    const chunks =
      (flags & 1) !== 0
        ? refused(member, "is encrypted in its zip archive", `Decrypt it: ${piped("unzip -p FILE")}`)
        : method === STORED
          ? stored(member)
          : method === DEFLATED
            ? inflated(member)
            : refused(
                member,
                `is packed with method ${method} in its zip archive, which coresieve does not read`,
                `Unpack it through a pipe: ${piped("7z x -so FILE")}`,
              );
    if (!name.endsWith("/")) yield { name, chunks };
    if (member.size !== undefined) await queue.skip(end - queue.position);
    // The rest of the file has to be read to find its end.
    else for await (const _ of chunks);
    if (described) await skipDescriptor(queue);
  }
}

interface Member {
  readonly queue: ByteQueue;
  readonly file: string;
  readonly name: string;
  /** Its packed size in bytes; `undefined` if only its end shows it. */
  readonly size: number | undefined;
}

/** The packed size from the header, or from ZIP64's record among its extra fields; `undefined` if it is above 2^53. */
function packedSize(whole: Uint8Array, extras: number): number | undefined {
  const size = wordAt(whole, 18);
  if (size !== UNKNOWN) return size;
  const view = new DataView(whole.buffer, whole.byteOffset, whole.length);
  for (let at = extras; at + 4 <= whole.length; ) {
    const length = view.getUint16(at + 2, true);
    // The original size comes first if it is unknown as well, which is always so here.
    if (view.getUint16(at, true) === ZIP64 && length >= 16 && at + 20 <= whole.length) {
      const value = Number(view.getBigUint64(at + 12, true));
      return Number.isSafeInteger(value) ? value : undefined;
    }
    at += 4 + length;
  }
  return size;
}

// biome-ignore lint/correctness/useYield: what cannot be read has no bytes.
async function* refused(
  { file, name }: Member,
  what: string,
  cure: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  throw new DumpError("UNSUPPORTED", `${name} ${what}`, { file, cure });
}

async function* stored({ queue, file, name, size }: Member): AsyncGenerator<Uint8Array, void, undefined> {
  if (size === undefined) {
    throw new DumpError("UNSUPPORTED", `${name} is not packed, and its zip archive does not say how long it is`, {
      file,
      cure: "Unpack it first: `unzip FILE`",
    });
  }
  for (let left = size; left > 0; ) {
    const piece = await queue.take(Math.min(left, 65536));
    if (piece.length === 0) throw cut(queue, file);
    left -= piece.length;
    yield piece;
  }
}

/**
 * Passes packed bytes to the inflater until it reports the end of the file. Bytes that it did not need stay in the
 * queue.
 */
async function* inflated({ queue, file, size }: Member): AsyncGenerator<Uint8Array, void, undefined> {
  const inflate = createInflateRaw({ chunkSize: 128 * 1024 });
  const start = queue.position;
  const out: Uint8Array[] = [];
  let ended = false;
  let failure: Error | undefined;
  let wake: () => void = () => undefined;
  inflate.on("data", (piece: Uint8Array) => out.push(piece));
  inflate.on("end", () => {
    ended = true;
    wake();
  });
  inflate.on("error", (error) => {
    failure = error;
    wake();
  });
  /**
   * Runs `begin` and waits until it is done. A stream may end within a piece, and reports that in a later turn of the
   * event loop.
   */
  const until = async (begin: (done: () => void) => void) => {
    await new Promise<void>((resolve) => {
      wake = resolve;
      begin(resolve);
    });
    await new Promise(setImmediate);
    if (failure !== undefined) {
      throw damaged(queue, file, "packed data that cannot be unpacked").with({ why: failure.message, cause: failure });
    }
  };
  try {
    while (!ended) {
      const left = size === undefined ? 65536 : size - (queue.position - start);
      const piece = await queue.peek(Math.max(0, Math.min(65536, left)));
      if (piece.length === 0 && left > 0) throw cut(queue, file);
      if (piece.length === 0) {
        // All of it was read. Whether the stream is complete shows when it is ended.
        await until(() => inflate.end());
        break;
      }
      const before = inflate.bytesWritten;
      await until((done) => inflate.write(piece.slice(), () => done()));
      const used = inflate.bytesWritten - before;
      await queue.take(used);
      if (used < piece.length) ended = true;
      yield* out.splice(0);
    }
    yield* out.splice(0);
  } finally {
    inflate.destroy();
  }
}

/** Skips checksum and sizes behind a file: 12 bytes, or 20 with long sizes, optionally after a signature word. */
async function skipDescriptor(queue: ByteQueue): Promise<void> {
  const next = await queue.peek(24 + 4);
  const signed = next.length >= 4 && wordAt(next, 0) === DESCRIPTOR ? 4 : 0;
  const followed = (length: number) => next.length >= length + 4 && next[length] === 0x50 && next[length + 1] === 0x4b;
  await queue.take(signed + (followed(signed + 12) || !followed(signed + 20) ? 12 : 20));
}

function wordAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);
}

function cut(queue: ByteQueue, file: string): DumpError {
  return cutOffError(file, "its zip archive ends within a file", queue.position);
}

function damaged(queue: ByteQueue, file: string, what: string): DumpError {
  return new DumpError("CORRUPT", `its zip archive has ${what}`, {
    file,
    offset: queue.position,
    cure: "Copy it again from where it was made",
  });
}
