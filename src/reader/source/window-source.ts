import { type Extents, findExtent } from "../extents.js";
import type { ByteSource } from "./byte-source.js";

/** Bytes of a file that form another one, wherever they are in it: those of a snapshot in a disk image. Plain data. */
export interface FileWindow {
  /** Bytes of the inner file. */
  readonly size: number;
  /** Where its bytes are; bytes without a place are zeros. */
  readonly pieces: Extents;
}

/** The inner file, read in place. */
export function windowSource(outer: ByteSource, { size, pieces }: FileWindow): ByteSource {
  return {
    name: outer.name,
    size,
    read(into, offset) {
      const length = Math.max(0, Math.min(into.length, size - offset));
      let piece = findExtent(pieces, offset);
      for (let done = 0; done < length; ) {
        const position = offset + done;
        const start = piece < pieces.count ? (pieces.start[piece] as number) : Number.POSITIVE_INFINITY;
        if (start > position) {
          const gap = Math.min(start - position, length - done);
          into.fill(0, done, done + gap);
          done += gap;
          continue;
        }
        const n = Math.min((pieces.end[piece] as number) - position, length - done);
        const got = outer.read(into.subarray(done, done + n), (pieces.source[piece] as number) + (position - start));
        done += got;
        if (got < n) return done;
        piece++;
      }
      return length;
    },
    zerosEnd(offset) {
      const piece = findExtent(pieces, offset);
      return Math.max(offset, piece < pieces.count ? (pieces.start[piece] as number) : size);
    },
  };
}
