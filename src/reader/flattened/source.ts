import { findExtent } from "../extents.js";
import type { ByteSource } from "../source/byte-source.js";
import { type FlattenedIndex, RECORD_HEADER_SIZE, recordSize } from "./records.js";

/** One record: bytes [start, end) of the inner file are at `source` of the outer one. */
interface FoundRecord {
  readonly run: number;
  readonly start: number;
  readonly end: number;
  readonly source: number;
}

/** The inner file of a flattened one, read in place. Gaps between records read as zeros, like holes on disk. */
export function flattenedSource(outer: ByteSource, index: FlattenedIndex): ByteSource {
  const findRecord = recordFinder(outer, index);
  return {
    name: outer.name,
    size: index.size,
    read(into, offset) {
      const length = Math.max(0, Math.min(into.length, index.size - offset));
      let done = 0;
      let run = findExtent(index, offset);
      while (done < length) {
        const position = offset + done;
        const start = run < index.count ? (index.start[run] as number) : Number.POSITIVE_INFINITY;
        if (start > position) {
          const gap = Math.min(start - position, length - done);
          into.fill(0, done, done + gap);
          done += gap;
          continue;
        }
        const record = findRecord(run, position);
        const n = Math.min(record.end - position, length - done);
        const at = record.source + (position - record.start);
        if (outer.read(into.subarray(done, done + n), at) < n) return done;
        done += n;
        if (position + n >= (index.end[run] as number)) run++;
      }
      return done;
    },
    zerosEnd(offset) {
      const run = findExtent(index, offset);
      return Math.max(offset, run < index.count ? (index.start[run] as number) : index.size);
    },
  };
}

/**
 * Finds the record of a run that contains a position: by arithmetic if all records have one size, otherwise from header
 * to header. The search begins at the record that was found last, unless that is behind the position, because a read
 * mostly continues where the last one ended.
 */
function recordFinder(outer: ByteSource, index: FlattenedIndex): (run: number, position: number) => FoundRecord {
  let last: FoundRecord | undefined;
  return (run, position) => {
    const start = index.start[run] as number;
    const source = index.source[run] as number;
    const size = index.record[run] as number;
    if (size > 0) {
      const nth = Math.floor((position - start) / size);
      const first = start + nth * size;
      const end = Math.min(first + size, index.end[run] as number);
      return { run, start: first, end, source: source + nth * (size + RECORD_HEADER_SIZE) };
    }
    let record: FoundRecord =
      last !== undefined && last.run === run && last.start <= position
        ? last
        : { run, start, end: start + recordSize(outer, source), source };
    while (record.end <= position) {
      const next = record.source + (record.end - record.start) + RECORD_HEADER_SIZE;
      record = { run, start: record.end, end: record.end + recordSize(outer, next), source: next };
    }
    last = record;
    return record;
  };
}
