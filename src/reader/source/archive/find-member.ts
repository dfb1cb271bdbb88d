import { DumpError } from "../../../errors.js";
import type { ByteQueue } from "../packed/byte-queue.js";
import type { ArchiveKind } from "./archives.js";

/** What is searched for in a stream. */
export interface Wanted {
  /** Its name in messages: "a dump". */
  readonly noun: string;
  /** Whether a file with this head (`WANTED_HEAD` bytes) is one. */
  is(head: Uint8Array): boolean;
  /** Whether a file with this name in an archive may be one, or contain one. Default: any may. */
  mayBe?(name: string): boolean;
  readonly archives: readonly ArchiveKind[];
  /** What to do if an archive contains none, given the first names in it. */
  cure(names: readonly string[]): string;
}

/** What to do with an archive that contains no dump, but files with these names. */
export function cureWithoutDump(names: readonly string[]): string {
  return names.some((name) => /(^|\/)sosreport-/.test(name))
    ? "A sosreport lists dumps and has none: fetch the vmcore from the machine's /var/crash"
    : "Give the archive that has the vmcore, or take it out of there and give that";
}

/** A file in an archive that the search found. */
export interface FoundMember {
  /** The packings around it, from the outermost to the innermost. */
  readonly layers: readonly string[];
  /** Its unpacked bytes. */
  readonly queue: ByteQueue;
}

/** The most names that a message shows if none of them is a dump. */
const SHOWN = 3;

/** Whether an error ends the reading of the archive itself: the caller stopped it, or a read failed, which has a cause. */
function endsReading({ code, cause }: DumpError): boolean {
  return code === "ABORTED" || (code === "NOT_READABLE" && cause !== undefined);
}

/**
 * The first file of an archive that `open` accepts. Throws `NOT_A_DUMP` if there is none. Damage within a file that is
 * not accepted is ignored, and reported if no file is found.
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
  // Without for-of, because the entries are still read after a file is found.
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
      if (!(error instanceof DumpError) || endsReading(error)) throw error;
      problem ??= error;
    }
    await entry.chunks.return();
  }
  // If a part of the archive is missing, that is the most useful error.
  if (problem?.code === "TRUNCATED") throw problem;
  const more = count > SHOWN ? ` and ${count - SHOWN} more` : "";
  const listed = count === 0 ? "it has no files" : `it has ${names.join(", ")}${more}`;
  throw new DumpError("NOT_A_DUMP", `is ${archive.name} without ${wanted.noun}: ${listed}`, {
    why: problem?.reason,
    file,
    cure: wanted.cure(names),
  });
}
