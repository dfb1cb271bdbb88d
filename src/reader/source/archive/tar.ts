import type { ByteQueue } from "../packed/byte-queue.js";
import { type ArchiveEntries, damagedArchive, MAX_ENTRIES, memberBytes, takeOf } from "./member-bytes.js";
import { checksumFits, decimalOf, TAR_BLOCK, tarNumber, tarText } from "./tar-fields.js";
import { type SparseMap, sparseChunks, sparseMapOf } from "./tar-sparse.js";

/*
 * tar: POSIX ustar and pax (IEEE 1003.1, pax), GNU's long names and sparse files (GNU tar's manual, "Basic Tar Format"). Blocks of 512 bytes: a header, then the
 * file. vmcores have holes, so archives made with `tar -S` have sparse members.
 */

/** The most bytes of a name or of pax's records; longer ones are damage. */
const MAX_EXTRA = 2 ** 20;

/** Reads an archive. Throws `TRUNCATED`, `CORRUPT`, `LIMIT`. */
export async function* tarEntries(queue: ByteQueue, file: string): ArchiveEntries {
  const take = (length: number, what: string) => takeOf(queue, length, file, "tar archive", what);
  const damaged = (what: string) => damagedArchive(queue, file, "tar archive", what);
  let extra = new Map<string, string>();
  let longName: string | undefined;
  for (let count = 0; ; count++) {
    const header = await queue.take(TAR_BLOCK);
    // Two blocks of zeros end the archive, or the file ends.
    if (header.length === 0 || header[0] === 0) return;
    if (header.length < TAR_BLOCK || !checksumFits(header)) throw damaged("no header where one must begin");
    if (count === MAX_ENTRIES) throw damaged(`more than ${MAX_ENTRIES} members`);
    const head = header.slice();
    const type = tarText(head, 156, 1);
    const size = decimalOf(extra.get("size")) ?? tarNumber(head, 124, 12);
    if (size === undefined || !Number.isSafeInteger(size)) throw damaged("a member of unknown size");
    if (type === "x" || type === "g" || type === "L" || type === "K") {
      if (size > MAX_EXTRA) throw damaged(`a header of ${size} bytes`);
      const bytes = (await take(size, "a header")).slice();
      await take(padding(size), "a header");
      if (type === "x") extra = paxRecords(bytes);
      else if (type === "L") longName = tarText(bytes, 0, bytes.length);
      continue;
    }
    const prefix = tarText(head, 345, tarText(head, 257, 6) === "ustar" && head[262] === 0 ? 155 : 0);
    const plain = tarText(head, 0, 100);
    const name =
      extra.get("GNU.sparse.name") ?? extra.get("path") ?? longName ?? (prefix === "" ? plain : `${prefix}/${plain}`);
    const stored = queue.position;
    const map: SparseMap | undefined = await sparseMapOf(
      head,
      extra,
      (length) => take(length, "the map of a sparse member"),
      damaged,
    );
    // In GNU's own form the rest of the map follows the header and is not part of the size; in pax's form it is part of
    // the member.
    const from = type === "S" ? queue.position : stored;
    const data = size - (queue.position - from);
    if (data < 0) throw damaged("a sparse member that is shorter than its map");
    const behind = queue.position + data + padding(size);
    extra = new Map();
    longName = undefined;
    if (type === "0" || type === "" || type === "7" || type === "S") {
      const bytes = memberBytes(queue, data, file, "tar archive");
      yield { name, chunks: map === undefined ? bytes : sparseChunks(map, bytes, damaged) };
    }
    await queue.skip(behind - queue.position);
  }
}

function padding(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;
}

/**
 * Parses records of the form "LENGTH KEY=VALUE\n". If a key occurs several times (the maps of the oldest sparse form),
 * all its values are joined with commas.
 */
function paxRecords(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const [, digits = ""] = /^(\d{1,7}) /.exec(tarText(bytes, at, 8)) ?? [];
    const length = Number(digits);
    if (digits === "" || length <= digits.length + 1) break;
    const record = Buffer.from(bytes.subarray(at + digits.length + 1, at + length - 1)).toString("latin1");
    const equals = record.indexOf("=");
    const key = record.slice(0, Math.max(0, equals));
    const value = record.slice(equals + 1);
    const before = records.get(key);
    records.set(
      key,
      before !== undefined && /^GNU\.sparse\.(offset|numbytes)$/.test(key) ? `${before},${value}` : value,
    );
    at += length;
  }
  return records;
}
