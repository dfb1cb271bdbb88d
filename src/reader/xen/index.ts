import { cutOffError } from "../damage.js";
import type { ElfFile, ElfSection } from "../elf/sections.js";
import type { Piece } from "../extents.js";
import type { FrameRun } from "../frames.js";
import { readInto } from "../source/byte-source.js";

/** An entry of all ones is a page that could not be read. */
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
/** Bytes of the index that are read at once: a multiple of both sizes of an entry. */
const INDEX_PIECE = 1 << 20;
/** The most runs of consecutive pages, in either space. Without any two consecutive pages they are 128 GiB. */
const MAX_RUNS = 1 << 25;
/** Runs that any core may have; beyond that, one for so many bytes that it stores: an entry of the index. */
const RUNS_FREELY = 1 << 17;
const BYTES_PER_RUN = 8;

/** Where a core's pages are. */
export interface XenPages {
  readonly pieces: readonly Piece[];
  /**
   * Only for a paravirtualised domain: its page tables have machine frames of the host; these runs have the domain's
   * page for each.
   */
  readonly frames?: readonly FrameRun[];
}

/** How to read the index of a core. */
export interface XenIndex {
  readonly file: ElfFile;
  readonly section: ElfSection;
  /** True for .xen_p2m, with a u64 pfn and a u64 machine frame for each page; false for .xen_pfn, with a u64 pfn. */
  readonly hasFrames: boolean;
  /** Number of entries to read. */
  readonly count: number;
  /** File offset of the first page. */
  readonly data: number;
  readonly pageSize: number;
  /** Bytes that the file really has. */
  readonly held: number;
}

/** Bytes of an entry. */
export function entrySize(hasFrames: boolean): number {
  return hasFrames ? 16 : 8;
}

/**
 * Reads the index. Pages that are consecutive both in memory and in the file make one piece. Throws `CORRUPT`, `LIMIT`,
 * `TRUNCATED`.
 */
export function readXenIndex(index: XenIndex): XenPages {
  const { data, pageSize, hasFrames } = index;
  const pages = new Runs(index);
  const frames = new Runs(index);
  forEachEntry(index, (i, pfn, frame) => {
    if (pfn === undefined || (hasFrames && frame === undefined)) return;
    pages.add(pfn, i);
    if (frame !== undefined) frames.add(frame, pfn);
  });
  const pieces = Array.from({ length: pages.length }, (_, i) => {
    const { from, to, length } = pages.at(i);
    return { start: from * pageSize, end: (from + length) * pageSize, source: data + to * pageSize };
  });
  if (!hasFrames) return { pieces };
  const all = Array.from({ length: frames.length }, (_, i) => frames.at(i));
  return { pieces, frames: all.map(({ from, to, length }) => ({ frame: from, pfn: to, count: length })) };
}

function forEachEntry(
  { file: { source, littleEndian }, section, hasFrames, count, pageSize }: XenIndex,
  on: (i: number, pfn: number | undefined, frame: number | undefined) => void,
): void {
  const size = entrySize(hasFrames);
  const most = BigInt(Math.floor(Number.MAX_SAFE_INTEGER / pageSize) - 1);
  const bytes = new Uint8Array(Math.min(INDEX_PIECE, size * count));
  const view = new DataView(bytes.buffer);
  for (let done = 0; done < count; ) {
    const n = Math.min(bytes.length / size, count - done);
    readInto(source, bytes.subarray(0, size * n), section.offset + size * done, "index of pages");
    const numberAt = (at: number) => {
      const entry = view.getBigUint64(at, littleEndian);
      if (entry === NO_PAGE) return undefined;
      if (entry <= most) return Number(entry);
      throw cutOffError(
        source.name,
        `has page 0x${entry.toString(16)} in its index`,
        section.offset + size * done + at,
        "CORRUPT",
      );
    };
    for (let i = 0; i < n; i++) {
      on(done + i, numberAt(size * i), hasFrames ? numberAt(size * i + 8) : undefined);
    }
    done += n;
  }
}

/**
 * Runs of pages that are consecutive in both spaces. Counted in pages, and stored as numbers only: there may be as many
 * runs as pages.
 */
class Runs {
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #length: number[] = [];

  readonly #most: number;

  constructor(private readonly index: XenIndex) {
    this.#most = Math.min(MAX_RUNS, Math.max(RUNS_FREELY, index.held / BYTES_PER_RUN));
  }

  get length(): number {
    return this.#from.length;
  }

  at(i: number): { readonly from: number; readonly to: number; readonly length: number } {
    return { from: this.#from[i] as number, to: this.#to[i] as number, length: this.#length[i] as number };
  }

  add(from: number, to: number): void {
    const last = this.length - 1;
    const length = last < 0 ? 0 : (this.#length[last] as number);
    if (last >= 0 && this.#from[last] === from - length && this.#to[last] === to - length) {
      this.#length[last] = length + 1;
      return;
    }
    if (this.length >= this.#most) {
      const { file, section } = this.index;
      const what = `its index has more than ${Math.floor(this.#most)} stretches of pages, and a file of its size has no more`;
      throw cutOffError(file.source.name, what, section.offset, "LIMIT");
    }
    this.#from.push(from);
    this.#to.push(to);
    this.#length.push(1);
  }
}
