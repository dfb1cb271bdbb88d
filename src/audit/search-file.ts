import type { Searcher } from "../filter/text/searcher.js";
import type { LongWork } from "../long-work.js";
import type { Dump } from "../reader/dump.js";
import { FLATTENED_HEADER_SIZE, RECORD_HEADER_SIZE } from "../reader/flattened/records.js";
import { type ByteSource, readInto } from "../reader/source/byte-source.js";
import { attachFile } from "../reader/source/source-image.js";
import { type FileRange, gapsOf, isWithin, type PageData, pageData } from "./page-data.js";
import type { Secret } from "./secrets.js";

/**
 * Where a secret was found in a dump outside of its pages: in the note area; in eraseinfo; in bytes of a file that are
 * not a page's content (offset in the file, or for a flattened one in the inner file); or in bytes of a flattened file
 * that are not in the inner file.
 */
export interface FilePlace {
  readonly where: "notes" | "eraseinfo" | "file" | "flattened";
  /** The file, as the user named it. */
  readonly file: string;
  readonly offset: number;
  /** The note's name. */
  readonly note?: string;
}

/**
 * Searches all bytes of a dump that are not a page's content. A secret in a note is found twice: in the note, and in
 * the file. Returns how many bytes of the files were searched.
 */
export function* searchOutside(
  dump: Dump,
  secrets: readonly Secret[],
  searcher: Searcher,
  found: (secret: number, place: FilePlace) => void,
): LongWork<number> {
  const file = dump.paths[0] ?? "";
  yield* searchBytes(searcher, dump.noteArea, (secret, offset) => {
    const note = dump.notes.find(({ desc, descOffset }) => offset >= descOffset && offset < descOffset + desc.length);
    found(secret, { where: "notes", file, offset, ...(note === undefined ? {} : { note: note.name }) });
  });
  if (dump.eraseinfo !== undefined) {
    yield* searchBytes(searcher, dump.eraseinfo, (secret, offset) =>
      found(secret, { where: "eraseinfo", file, offset }),
    );
  }
  let bytes = 0;
  for (const one of pageData(dump.image)) {
    bytes += yield* searchGaps(one, secrets, searcher, (secret, offset) =>
      found(secret, { where: "file", file: one.source.name, offset }),
    );
    if (one.image.flattened !== undefined) {
      bytes += yield* searchHidden(one, secrets, searcher, (secret, offset) =>
        found(secret, { where: "flattened", file: one.source.name, offset }),
      );
    }
  }
  return bytes;
}

type Found = (secret: number, offset: number) => void;

function searchBytes(searcher: Searcher, bytes: Uint8Array, found: Found): LongWork<void> {
  const source: ByteSource = {
    name: "",
    size: bytes.length,
    read(into, offset) {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
  };
  return searchRange(searcher, source, { start: 0, end: bytes.length }, found);
}

/** Searches the bytes of a file that are not a page's content, also for secrets that lie across their borders. */
function* searchGaps(
  { source, pages }: PageData,
  secrets: readonly Secret[],
  searcher: Searcher,
  found: Found,
): LongWork<number> {
  let bytes = 0;
  let done = 0;
  for (const gap of gapsOf(pages, source.size)) {
    const start = Math.max(done, gap.start - searcher.reach);
    done = gap.end;
    bytes += gap.end - gap.start;
    yield* searchRange(searcher, source, { start, end: gap.end }, (secret, offset) => {
      const { length } = (secrets[secret] as Secret).bytes;
      if (!isWithin(pages, offset, offset + length)) found(secret, offset);
    });
  }
  return bytes;
}

/**
 * Searches the bytes of a flattened file that the inner file does not have: headers of records, padding, bytes behind
 * the end marker, and records that later ones overwrite.
 */
function* searchHidden(
  { image, source }: PageData,
  secrets: readonly Secret[],
  searcher: Searcher,
  found: Found,
): LongWork<number> {
  const outer = attachFile(image);
  const head = Buffer.alloc(RECORD_HEADER_SIZE);
  let record = { payload: FLATTENED_HEADER_SIZE, length: 0, target: 0 };
  let atEnd = false;
  const recordAt = (offset: number) => {
    while (!atEnd && offset >= record.payload + record.length) {
      const next = record.payload + record.length;
      const whole = outer.read(head, next) === RECORD_HEADER_SIZE;
      const length = whole ? Number(head.readBigInt64BE(8)) : -1;
      atEnd = length <= 0;
      record = { payload: next + RECORD_HEADER_SIZE, length, target: Number(head.readBigInt64BE(0)) };
    }
    return atEnd || offset < record.payload ? undefined : record;
  };
  yield* searchRange(searcher, outer, { start: 0, end: outer.size }, (secret, offset) => {
    const { bytes } = secrets[secret] as Secret;
    const inside = recordAt(offset);
    if (inside !== undefined && offset + bytes.length <= inside.payload + inside.length) {
      const shown = Buffer.alloc(bytes.length);
      const n = source.read(shown, inside.target + (offset - inside.payload));
      if (n === bytes.length && shown.equals(bytes)) return;
    }
    found(secret, offset);
  });
  return outer.size;
}

/**
 * Searches for secrets that begin in a range, piece by piece. Zeros that are not stored are skipped, except those
 * directly before data. Yields behind each piece.
 */
function* searchRange(searcher: Searcher, source: ByteSource, { start, end }: FileRange, found: Found): LongWork<void> {
  const { input, room, reach } = searcher;
  for (let at = start; at < end; at += room) {
    at = Math.max(at, (source.zerosEnd?.(at) ?? at) - reach);
    if (at >= end) return;
    const places = Math.min(room, end - at);
    const length = Math.min(places + reach, source.size - at);
    // Bytes that cannot be read are not searched.
    readInto(source, input.subarray(0, length), at, "data");
    searcher.search(places, length, (secret, offset) => found(secret, at + offset));
    yield undefined;
  }
}
