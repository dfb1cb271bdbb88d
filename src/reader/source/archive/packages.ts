import type { ByteQueue } from "../packed/byte-queue.js";
import { type ArchiveEntries, damagedArchive, MAX_ENTRIES, memberBytes, takeOf } from "./member-bytes.js";
import { AR_MAGIC } from "./recognise.js";

/*
 * ar archives, as in Debian's packages (deb(5)): "!<arch>\n", then for each member a header of 60 bytes (name, time,
 * owner, group, mode, size in decimal, "`\n") and its bytes, padded to an even number.
 */

const AR_HEADER = 60;
const AR = "ar archive";

/** Reads an archive. Throws `TRUNCATED`, `CORRUPT`. */
export async function* arEntries(queue: ByteQueue, file: string): ArchiveEntries {
  await queue.skip(AR_MAGIC.length);
  for (let count = 0; ; count++) {
    if ((await queue.peek(1)).length === 0) return;
    const head = Buffer.from(await takeOf(queue, AR_HEADER, file, AR, "a header")).toString("latin1");
    const size = /^\d{1,10} *$/.test(head.slice(48, 58)) ? Number(head.slice(48, 58)) : undefined;
    if (size === undefined || head.slice(58) !== "`\n")
      throw damagedArchive(queue, file, AR, "no header where one must begin");
    if (count === MAX_ENTRIES) throw damagedArchive(queue, file, AR, `more than ${MAX_ENTRIES} members`);
    const end = queue.position + size + (size % 2);
    yield { name: head.slice(0, 16).replace(/\/? *$/, ""), chunks: memberBytes(queue, size, file, AR) };
    await queue.skip(end - queue.position);
  }
}

/*
 * cpio in its "new" form, which RPM packages contain (Linux,
 * Documentation/driver-api/early-userspace/buffer-format.rst): a header of 110 characters, 8 hexadecimal digits per
 * field, then the name with its NUL, then the bytes; both are padded to 4 bytes.
 */

const CPIO_HEADER = 110;
const TRAILER = "TRAILER!!!";
const MAX_NAME = 65536;
const CPIO = "cpio archive";

/** Reads an archive. Throws `TRUNCATED`, `CORRUPT`. */
export async function* cpioEntries(queue: ByteQueue, file: string): ArchiveEntries {
  for (let count = 0; ; count++) {
    const head = Buffer.from(await takeOf(queue, CPIO_HEADER, file, CPIO, "a header")).toString("latin1");
    if (!/^07070[12][0-9a-fA-F]{104}$/.test(head))
      throw damagedArchive(queue, file, CPIO, "no header where one must begin");
    if (count === MAX_ENTRIES) throw damagedArchive(queue, file, CPIO, `more than ${MAX_ENTRIES} members`);
    const field = (index: number) => Number.parseInt(head.slice(6 + 8 * index, 14 + 8 * index), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    if (nameSize === 0 || nameSize > MAX_NAME) throw damagedArchive(queue, file, CPIO, `a name of ${nameSize} bytes`);
    const padded = nameSize + padding(CPIO_HEADER + nameSize);
    const bytes = Buffer.from(await takeOf(queue, padded, file, CPIO, "a name"));
    const name = bytes.toString("latin1", 0, nameSize - 1);
    if (name === TRAILER) return;
    const end = queue.position + size + padding(size);
    // Entries that are not files (S_IFREG) are skipped.
    if ((mode & 0o170000) === 0o100000) yield { name, chunks: memberBytes(queue, size, file, CPIO) };
    await queue.skip(end - queue.position);
  }
}

function padding(length: number): number {
  return (4 - (length % 4)) % 4;
}

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
const RPM = "RPM package";

/** Reads a package. Its only file is its payload. Throws `TRUNCATED`, `CORRUPT`. */
export async function* rpmEntries(queue: ByteQueue, file: string): ArchiveEntries {
  await takeOf(queue, LEAD, file, RPM, "its lead");
  const signature = await skipHeader(queue, file);
  await queue.skip((8 - (signature % 8)) % 8);
  await skipHeader(queue, file);
  yield { name: "payload", chunks: queue.rest() };
}

async function skipHeader(queue: ByteQueue, file: string): Promise<number> {
  const intro = Buffer.from(await takeOf(queue, INTRO, file, RPM, "a header"));
  const [magic, entries, data] = [intro.readUInt32BE(0), intro.readUInt32BE(8), intro.readUInt32BE(12)];
  if (magic !== 0x8eade801 || entries > MAX_INDEX || data > MAX_DATA)
    throw damagedArchive(queue, file, RPM, "no header where one must begin");
  await queue.skip(16 * entries + data);
  return INTRO + 16 * entries + data;
}
