import {
  KDUMP32_PACKED,
  KDUMP32_PADDED,
  KDUMP64,
  type KdumpHeaderFields,
  PAGE_DESC_SIZE,
} from "../reader/kdump/layout.js";
import { factsOf } from "../reader/machine.js";
import type { DumpFacts } from "./dump-facts.js";

/**
 * Where everything is in a kdump-compressed file: header, sub header with the notes, both bitmaps, one descriptor per
 * kept page, the page of zeros that all such pages share, page data, eraseinfo. Plain data, known before a byte is
 * written; offsets and sizes in bytes of the file.
 */
export interface KdumpLayout {
  readonly format: "kdump";
  readonly fields: KdumpHeaderFields;
  /** A block has the size of a page. The header is the first block; the sub header begins with the second. */
  readonly blockSize: number;
  readonly subHeaderBlocks: number;
  /** Blocks of both bitmaps together. */
  readonly bitmapBlocks: number;
  /**
   * The page that bit 0 of the bitmaps stands for, and the number of bits: the file numbers pages from this page on.
   */
  readonly firstPfn: number;
  readonly bits: number;
  readonly notesAt: number;
  /** The bitmap of existing memory. The bitmap of kept pages (`keptAt`) follows it, with the same length. */
  readonly existsAt: number;
  readonly keptAt: number;
  readonly descriptorsAt: number;
  /** Pages that have a descriptor. */
  readonly keptPages: number;
  /** Where the descriptors end. From here on the file is written in ascending order. */
  readonly dataAt: number;
  /** The page of zeros that all pages of zeros share; `undefined` if each page has its own bytes. */
  readonly zeroPageAt: number | undefined;
  /** Where the first kept page's data begin. */
  readonly pagesAt: number;
  /** The most bytes of the file, however well its pages compress. */
  readonly mostBytes: number;
}

/** The layout of a file with `keptPages` pages. It does not depend on which pages these are, nor on the codec. */
export function kdumpLayout(facts: DumpFacts, keptPages: number): KdumpLayout {
  const { pageSize: blockSize, firstPfn, noteArea, eraseinfo } = facts;
  const fields = fieldsOf(facts);
  const bits = facts.maxMapnr - firstPfn;
  const subHeaderBlocks = Math.ceil((fields.sub.size + noteArea.length) / blockSize);
  const blocksOfOne = Math.ceil(Math.ceil(bits / 8) / blockSize);
  const existsAt = (1 + subHeaderBlocks) * blockSize;
  const keptAt = existsAt + blocksOfOne * blockSize;
  const descriptorsAt = keptAt + blocksOfOne * blockSize;
  const dataAt = descriptorsAt + keptPages * PAGE_DESC_SIZE;
  const sharesZeros = (facts.dumpLevel & 1) !== 0;
  return {
    format: "kdump",
    fields,
    blockSize,
    subHeaderBlocks,
    bitmapBlocks: 2 * blocksOfOne,
    firstPfn,
    bits,
    notesAt: blockSize + fields.sub.size,
    existsAt,
    keptAt,
    descriptorsAt,
    keptPages,
    dataAt,
    zeroPageAt: sharesZeros ? dataAt : undefined,
    pagesAt: dataAt + (sharesZeros ? blockSize : 0),
    // A page never takes more bytes than its own size. A file without a page of zeros has one block to spare: parts of
    // uploads are cut by this number.
    mostBytes: dataAt + (keptPages + 1) * blockSize + (eraseinfo?.length ?? 0),
  };
}

/** File offset of the descriptor of the n-th kept page, counted from 0. */
export function descriptorAt({ descriptorsAt }: KdumpLayout, n: number): number {
  return descriptorsAt + n * PAGE_DESC_SIZE;
}

/** The header fields that this machine's kernels and tools use. */
function fieldsOf({ machine }: DumpFacts): KdumpHeaderFields {
  if (machine.wordSize === 8) return KDUMP64;
  return factsOf(machine.arch).packsHeaders ? KDUMP32_PACKED : KDUMP32_PADDED;
}
