import { DumpError } from "../../../errors.js";
import type { ByteQueue } from "../packed/byte-queue.js";
import type { ArchiveEntries } from "./archive-entry.js";
import { isTar, tarEntries } from "./tar.js";
import { isZip, zipEntries } from "./zip.js";

/** An archive that is read as a stream. */
export interface ArchiveKind {
  /** In messages: "a tar archive". */
  readonly name: string;
  recognises(head: Uint8Array): boolean;
  entries(queue: ByteQueue, file: string): ArchiveEntries;
}

/** Bytes that tell an archive. */
export const ARCHIVE_HEAD = 512;

const ARCHIVES: readonly ArchiveKind[] = [
  { name: "a tar archive", recognises: isTar, entries: tarEntries },
  { name: "a zip archive", recognises: isZip, entries: zipEntries },
];

/** What archive begins so. */
export function archiveOf(head: Uint8Array): ArchiveKind | undefined {
  return ARCHIVES.find((archive) => archive.recognises(head));
}

/** A file in an archive that is what was looked for. */
export interface FoundMember {
  /** How it was packed, from the outermost layer to the innermost. */
  readonly layers: readonly string[];
  /** Its unpacked bytes. */
  readonly queue: ByteQueue;
}

/** Names that are shown where none of them was a dump. */
const SHOWN = 3;

/**
 * The first file of an archive that `open` takes. Throws `NOT_A_DUMP` where there is none; damage within a file that is not one is
 * passed over, and named if none is found.
 */
export async function findMember(
  archive: ArchiveKind,
  queue: ByteQueue,
  file: string,
  layers: readonly string[],
  open: (chunks: AsyncIterable<Uint8Array>, layers: readonly string[]) => Promise<FoundMember | undefined>,
): Promise<FoundMember> {
  const names: string[] = [];
  let count = 0;
  let problem: DumpError | undefined;
  const entries = archive.entries(queue, file);
  // Not by for-of: the entries go on to be read when a file is found.
  for (;;) {
    const { value: entry, done } = await entries.next();
    if (done === true) break;
    if (count++ < SHOWN) names.push(entry.name);
    try {
      const found = await open(entry.chunks, [...layers, `${entry.name} in ${archive.name}`]);
      if (found !== undefined) return found;
    } catch (error) {
      if (!(error instanceof DumpError)) throw error;
      problem ??= error;
    }
    await entry.chunks.return();
  }
  // Who has only a part of it wants to know that first.
  if (problem?.code === "TRUNCATED") throw problem;
  const more = count > SHOWN ? ` and ${count - SHOWN} more` : "";
  const listed = count === 0 ? "it has no files" : `it has ${names.join(", ")}${more}`;
  throw new DumpError("NOT_A_DUMP", `is ${archive.name} without a dump: ${listed}`, {
    why: problem?.reason,
    file,
    cure: names.some((name) => /(^|\/)sosreport-/.test(name))
      ? "A sosreport lists dumps and has none: fetch the vmcore from the machine's /var/crash"
      : "Give the archive that has the vmcore, or take it out of there and give that",
  });
}
