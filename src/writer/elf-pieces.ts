import { firstIsland, type Islands } from "./islands.js";

/** A range of memory that PT_LOADs describe. */
export interface OutputSegment {
  /** Physical addresses [start, end) in bytes. */
  readonly start: number;
  readonly end: number;
  /** Kernel virtual address of `start`. */
  readonly vaddr: bigint;
  readonly flags: number;
}

/** One PT_LOAD. */
export interface ElfPiece {
  readonly paddr: number;
  readonly vaddr: bigint;
  /** Offset in the data area; without meaning if `filesz` is 0. */
  readonly offset: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly flags: number;
}

/**
 * The PT_LOADs of a segment: one for each island in it, followed by the dropped pages as bytes of memory that are not
 * in the file (readers return zeros), and one without data for dropped pages at its start. Segments that overlap (the
 * kernel's image is in the direct map too) share the bytes of the file.
 */
export function piecesOf(segment: OutputSegment, islands: Islands, pageSize: number): ElfPiece[] {
  const pieces: { paddr: number; offset: number; filesz: number }[] = [];
  for (let i = firstIsland(islands, segment.start / pageSize); i < islands.startPfn.length; i++) {
    const start = (islands.startPfn[i] as number) * pageSize;
    const end = (islands.endPfn[i] as number) * pageSize;
    if (start >= segment.end) break;
    const paddr = Math.max(start, segment.start);
    const filesz = Math.min(end, segment.end) - paddr;
    pieces.push({ paddr, offset: (islands.offset[i] as number) + (paddr - start), filesz });
  }
  if (pieces[0] === undefined || pieces[0].paddr > segment.start) {
    pieces.unshift({ paddr: segment.start, offset: 0, filesz: 0 });
  }
  return pieces.map((piece, i) => ({
    ...piece,
    vaddr: BigInt.asUintN(64, segment.vaddr + BigInt(piece.paddr - segment.start)),
    memsz: (pieces[i + 1]?.paddr ?? segment.end) - piece.paddr,
    flags: segment.flags,
  }));
}
