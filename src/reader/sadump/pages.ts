import { DumpError } from "../../errors.js";
import type { Piece } from "../extents.js";
import { type ByteSource, CUT_OFF_CURE, readExactly } from "../source/byte-source.js";
import { BLOCK, type SadumpHeader } from "./header.js";

/** Bytes of the bitmaps that are read at once. */
const STEP = 1 << 16;
/** The most runs of pages: a machine of some TiB has a hundred thousand. Each takes three numbers. */
const MOST_RUNS = 1 << 22;

/** The memory of a dump. In its bitmaps the first page of a byte has the highest bit. */
export interface SadumpPages {
  /** Physical ranges, and where they are stored, counted from the first page of all disks. */
  readonly stored: readonly Piece[];
  /** Memory that the writer found to be all zeros, and did not store. */
  readonly zeros: readonly Piece[];
}

/** Reads the two bitmaps. Throws `TRUNCATED`, `LIMIT`. */
export function readSadumpPages(source: ByteSource, header: SadumpHeader): SadumpPages {
  const { maxMapnr, ramBitmap, dumpableBitmap } = header;
  const [stored, zeros]: [Run[], Run[]] = [[], []];
  let place = 0;
  const bytes = Math.ceil(maxMapnr / 8);
  for (let at = 0; at < bytes; at += STEP) {
    const length = Math.min(STEP, bytes - at);
    const ram = readExactly(source, ramBitmap + at, length, "bitmap of memory");
    const dumpable = readExactly(source, dumpableBitmap + at, length, "bitmap of pages");
    for (let i = 0; i < length; i++) {
      const [all, there] = [ram[i] as number, dumpable[i] as number];
      if ((all | there) === 0) continue;
      for (let bit = 0; bit < 8; bit++) {
        const pfn = (at + i) * 8 + bit;
        const mask = 0x80 >> bit;
        if (pfn >= maxMapnr) break;
        if ((there & mask) !== 0) addPage(stored, pfn, place++);
        else if ((all & mask) !== 0) addPage(zeros, pfn, 0);
      }
    }
    if (stored.length + zeros.length > MOST_RUNS) throw tooMany(source);
  }
  const piece = ({ start, end, place: first }: Run): Piece => ({
    ...{ start: start * BLOCK, end: end * BLOCK, source: first * BLOCK },
  });
  return { stored: stored.map(piece), zeros: zeros.map(piece) };
}

interface Run {
  readonly start: number;
  end: number;
  readonly place: number;
}

function addPage(runs: Run[], pfn: number, place: number): void {
  const last = runs.at(-1);
  if (last?.end === pfn) last.end++;
  else runs.push({ start: pfn, end: pfn + 1, place });
}

function tooMany(source: ByteSource): DumpError {
  return new DumpError("LIMIT", `has more than ${MOST_RUNS} runs of pages`, { file: source.name, cure: CUT_OFF_CURE });
}
