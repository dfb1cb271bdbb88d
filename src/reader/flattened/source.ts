import type { ByteSource } from "../byte-source.js";
import { findExtent } from "../extents.js";
import { type FlattenedIndex, RECORD_HEADER_SIZE } from "./records.js";

/** The inner file of a flattened one, read in place. Gaps between records read as zeros, as they do on disk. */
export function flattenedSource(outer: ByteSource, index: FlattenedIndex): ByteSource {
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
        const record = index.record[run] as number;
        const within = position - start;
        const nth = Math.floor(within / record);
        const recordEnd = Math.min(start + (nth + 1) * record, index.end[run] as number);
        const n = Math.min(recordEnd - position, length - done);
        const source = (index.source[run] as number) + nth * (record + RECORD_HEADER_SIZE) + (within - nth * record);
        if (outer.read(into.subarray(done, done + n), source) < n) return done;
        done += n;
        if (position + n >= (index.end[run] as number)) run++;
      }
      return done;
    },
  };
}
