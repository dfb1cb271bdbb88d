import type { ByteQueue } from "../packed/byte-queue.js";
import { type ArchiveEntries, MAX_ENTRIES } from "./archive-entry.js";
import { damagedArchive, memberBytes, takeOf } from "./member-bytes.js";
import { AR_MAGIC } from "./recognise.js";

/*
 * ar archives, as in Debian's packages (deb(5)): "!<arch>\n", then for each member a header of 60 bytes (name, time,
 * owner, group, mode, size in decimal, "`\n") and its bytes, padded to an even number.
 */

const HEADER = 60;
const KIND = "ar archive";

/** Reads an archive. Throws `TRUNCATED`, `CORRUPT`. */
export async function* arEntries(queue: ByteQueue, file: string): ArchiveEntries {
  await queue.skip(AR_MAGIC.length);
  for (let count = 0; ; count++) {
    if ((await queue.peek(1)).length === 0) return;
    const head = Buffer.from(await takeOf(queue, HEADER, file, KIND, "a header")).toString("latin1");
    const size = /^\d{1,10} *$/.test(head.slice(48, 58)) ? Number(head.slice(48, 58)) : undefined;
    if (size === undefined || head.slice(58) !== "`\n")
      throw damagedArchive(queue, file, KIND, "no header where one must begin");
    if (count === MAX_ENTRIES) throw damagedArchive(queue, file, KIND, `more than ${MAX_ENTRIES} members`);
    const end = queue.position + size + (size % 2);
    yield { name: head.slice(0, 16).replace(/\/? *$/, ""), chunks: memberBytes(queue, size, file, KIND) };
    await queue.skip(end - queue.position);
  }
}
