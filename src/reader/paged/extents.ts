import { type Extents, type Piece, toExtents } from "../extents.js";
import type { PagedImage } from "./image.js";
import { nextListed, nextUnlisted } from "./page-index.js";

/** The pieces of memory whose pages an index lists, for a file that is cut off. */
export function listedExtents({ memory, index, unit }: Pick<PagedImage, "memory" | "index" | "unit">): Extents {
  const pieces: Piece[] = [];
  for (let i = 0; i < memory.count; i++) {
    const [start, end, source] = [memory.start[i] as number, memory.end[i] as number, memory.source[i] as number];
    const last = (source + end - start) / unit;
    for (let page = nextListed(index, source / unit, last); page < last; ) {
      const behind = nextUnlisted(index, page, last);
      const first = start + page * unit - source;
      pieces.push({ start: first, end: start + behind * unit - source, source: page * unit });
      page = nextListed(index, behind, last);
    }
  }
  return toExtents(pieces);
}
