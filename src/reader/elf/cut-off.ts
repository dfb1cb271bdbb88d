import { DumpError } from "../../errors.js";
import { countBits, findBit, sharedBitmap } from "../bitmap.js";
import { CUT_OFF_CURE } from "../byte-source.js";
import { layer } from "../extents.js";
import { setExtentBits } from "../extents-memory.js";
import type { ElfSegment, ElfSegments } from "./segments.js";

/** Throws `TRUNCATED` when a segment reaches beyond the file. */
export function checkNotCutOff({ end }: ElfSegments, size: number, file: string): void {
  if (end <= size) return;
  throw new DumpError("TRUNCATED", `holds ${size} bytes, but its program headers describe ${end}`, {
    file,
    cure: CUT_OFF_CURE,
  });
}

/** What is left of PT_LOADs in a file of `size` bytes: whole pages only, so that no page is half of zeros. */
export function cutLoads(loads: readonly ElfSegment[], size: number, pageSize: number): ElfSegment[] {
  return loads.map((load) => {
    if (load.offset + load.filesz <= size) return load;
    const end = load.paddr + Math.max(0, size - load.offset);
    return { ...load, filesz: Math.max(0, end - (end % pageSize) - load.paddr) };
  });
}

/** Pages that `whole` has data for and `cut` has not, and the first of them. */
export function lostPages(
  whole: readonly ElfSegment[],
  cut: readonly ElfSegment[],
  maxMapnr: number,
  pageSize: number,
): { readonly count: number; readonly first: number } {
  const bitsOf = (loads: readonly ElfSegment[]) => {
    const bitmap = sharedBitmap(maxMapnr);
    const pieces = loads.map(({ paddr, filesz }) => ({ start: paddr, end: paddr + filesz, source: paddr }));
    setExtentBits(layer(pieces), pageSize, bitmap);
    return bitmap;
  };
  const [before, after] = [bitsOf(whole), bitsOf(cut)];
  for (let i = 0; i < before.length; i++) before[i] = (before[i] as number) & ~(after[i] as number);
  return { count: countBits(before, 0, maxMapnr), first: findBit(before, 0, maxMapnr, true) };
}
