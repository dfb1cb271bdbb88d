import type { ByteQueue } from "../packed/byte-queue.js";
import { type ArchiveEntries, MAX_ENTRIES } from "./archive-entry.js";
import { damagedArchive, memberBytes, takeOf } from "./member-bytes.js";

/*
 * cpio in its "new" form, which RPM packages contain (Linux,
 * Documentation/driver-api/early-userspace/buffer-format.rst): a header of 110 characters, 8 hexadecimal digits per
 * field, then the name with its NUL, then the bytes; both are padded to 4 bytes.
 */

const HEADER = 110;
const TRAILER = "TRAILER!!!";
const MAX_NAME = 65536;
const KIND = "cpio archive";

/** Reads an archive. Throws `TRUNCATED`, `CORRUPT`. */
export async function* cpioEntries(queue: ByteQueue, file: string): ArchiveEntries {
  for (let count = 0; ; count++) {
    const head = Buffer.from(await takeOf(queue, HEADER, file, KIND, "a header")).toString("latin1");
    if (!/^07070[12][0-9a-fA-F]{104}$/.test(head))
      throw damagedArchive(queue, file, KIND, "no header where one must begin");
    if (count === MAX_ENTRIES) throw damagedArchive(queue, file, KIND, `more than ${MAX_ENTRIES} members`);
    const field = (index: number) => Number.parseInt(head.slice(6 + 8 * index, 14 + 8 * index), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    if (nameSize === 0 || nameSize > MAX_NAME) throw damagedArchive(queue, file, KIND, `a name of ${nameSize} bytes`);
    const padded = nameSize + padding(HEADER + nameSize);
    const bytes = Buffer.from(await takeOf(queue, padded, file, KIND, "a name"));
    const name = bytes.toString("latin1", 0, nameSize - 1);
    if (name === TRAILER) return;
    const end = queue.position + size + padding(size);
    // Entries that are not files (S_IFREG) are skipped.
    if ((mode & 0o170000) === 0o100000) yield { name, chunks: memberBytes(queue, size, file, KIND) };
    await queue.skip(end - queue.position);
  }
}

function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}
