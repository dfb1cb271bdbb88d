import { DumpError } from "../../../errors.js";
import { cutOffError } from "../../damage.js";
import type { ByteQueue } from "../packed/byte-queue.js";

/**
 * The next `size` bytes of an archive. `archive` is its name ("tar archive") in the error if it ends before. Throws
 * `TRUNCATED`.
 */
export async function* memberBytes(
  queue: ByteQueue,
  size: number,
  file: string,
  archive: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let left = size; left > 0; ) {
    const piece = await queue.take(Math.min(left, 65536));
    if (piece.length === 0) throw cutInArchive(queue, file, archive, "a member");
    left -= piece.length;
    yield piece;
  }
}

/** Exactly `length` bytes; see `memberBytes`. */
export async function takeOf(
  queue: ByteQueue,
  length: number,
  file: string,
  archive: string,
  what: string,
): Promise<Uint8Array> {
  const bytes = await queue.take(length);
  if (bytes.length < length) throw cutInArchive(queue, file, archive, what);
  return bytes;
}

function cutInArchive(queue: ByteQueue, file: string, archive: string, what: string): DumpError {
  return cutOffError(file, `its ${archive} ends in ${what}`, queue.position);
}

/** The error of an archive that contradicts its format. */
export function damagedArchive(queue: ByteQueue, file: string, archive: string, what: string): DumpError {
  return new DumpError("CORRUPT", `its ${archive} has ${what}`, {
    file,
    offset: queue.position,
    cure: "Copy it again from where it was made",
  });
}

/** A file in an archive that is read as a stream. */
interface ArchiveEntry {
  readonly name: string;
  /**
   * Its bytes. Read them to the end, or abandon them (`return`), before taking the next entry: the archive then
   * continues behind them.
   */
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>;
}

/** The files of an archive, in its order, without folders and links. */
export type ArchiveEntries = AsyncGenerator<ArchiveEntry, void, undefined>;

/** The most entries of an archive that are read: the largest sosreports have some hundred thousand. */
export const MAX_ENTRIES = 2 ** 22;
