import type { ByteQueue } from "../packed/byte-queue.js";
import type { ArchiveEntries } from "./archive-entry.js";
import { damagedArchive, takeOf } from "./member-bytes.js";

/*
 * RPM packages (rpm's docs/manual/format_v4.md): a lead of 96 bytes, two headers (the signature's, padded to 8 bytes,
 * and the package's), then a packed cpio archive. A header has 16 bytes (magic, counts of its index entries and of its
 * bytes, big endian), 16 bytes for each index entry, and the bytes.
 */

const LEAD = 96;
const INTRO = 16;
/** Limits for both counts; rpm itself accepts 64 Ki entries and 256 MiB. */
const MAX_INDEX = 65536;
const MAX_DATA = 2 ** 28;
const KIND = "RPM package";

/** Reads a package. Its only file is its payload. Throws `TRUNCATED`, `CORRUPT`. */
export async function* rpmEntries(queue: ByteQueue, file: string): ArchiveEntries {
  await takeOf(queue, LEAD, file, KIND, "its lead");
  const signature = await skipHeader(queue, file);
  await queue.skip((8 - (signature % 8)) % 8);
  await skipHeader(queue, file);
  yield { name: "payload", chunks: queue.rest() };
}

async function skipHeader(queue: ByteQueue, file: string): Promise<number> {
  const intro = Buffer.from(await takeOf(queue, INTRO, file, KIND, "a header"));
  const [magic, entries, data] = [intro.readUInt32BE(0), intro.readUInt32BE(8), intro.readUInt32BE(12)];
  if (magic !== 0x8eade801 || entries > MAX_INDEX || data > MAX_DATA)
    throw damagedArchive(queue, file, KIND, "no header where one must begin");
  await queue.skip(16 * entries + data);
  return INTRO + 16 * entries + data;
}
