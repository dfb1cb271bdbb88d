import { DumpError } from "../../../errors.js";
import type { ByteQueue } from "../packed/byte-queue.js";
import type { ArchiveKind } from "./archives.js";

/** What is looked for in a stream. */
export interface Wanted {
  /** In messages: "a dump". */
  readonly noun: string;
  /** Whether a file that begins so (`WANTED_HEAD` bytes) is one. */
  is(head: Uint8Array): boolean;
  /** Whether a file of that name in an archive may be one, or have one in it. Default: any. */
  mayBe?(name: string): boolean;
  readonly archives: readonly ArchiveKind[];
  /** What to do where an archive has none, by the first names in it. */
  cure(names: readonly string[]): string;
}

/** What to do with an archive that has no dump, but files of these names. */
export function cureWithoutDump(names: readonly string[]): string {
  return names.some((name) => /(^|\/)sosreport-/.test(name))
    ? "A sosreport lists dumps and has none: fetch the vmcore from the machine's /var/crash"
    : "Give the archive that has the vmcore, or take it out of there and give that";
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
  { layers, wanted }: { readonly layers: readonly string[]; readonly wanted: Wanted },
  open: (chunks: AsyncIterable<Uint8Array>, layers: readonly string[]) => Promise<FoundMember | undefined>,
): Promise<FoundMember> {
  const names: string[] = [];
  let count = 0;
  let problem: DumpError | undefined;
  const entries = (await archive.load())(queue, file);
  // Not by for-of: the entries go on to be read when a file is found.
  for (;;) {
    const { value: entry, done } = await entries.next();
    if (done === true) break;
    if (count++ < SHOWN) names.push(entry.name);
    if (wanted.mayBe?.(entry.name) === false) {
      await entry.chunks.return();
      continue;
    }
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
  throw new DumpError("NOT_A_DUMP", `is ${archive.name} without ${wanted.noun}: ${listed}`, {
    why: problem?.reason,
    file,
    cure: wanted.cure(names),
  });
}
