import { formatBytes } from "../byte-size.js";
import type { ElfDump } from "../reader/elf/open.js";
import type { ElfSegment } from "../reader/elf/segments.js";
import { toExtents } from "../reader/extents.js";
import { extentsMemory } from "../reader/extents-memory.js";
import { readPages } from "../reader/physical-memory.js";
import { attachSource } from "../reader/source/source-image.js";
import { damageOf } from "../reader/tolerant-memory.js";
import type { Findings } from "./findings.js";

/** Bytes that are compared at once. */
const CHUNK = 1 << 20;
/**
 * The most bytes of overlapping segments that are compared: the kernel's image is in two segments, 100 MiB of it at
 * most.
 */
const MAX_COMPARED = 4 * 2 ** 30;

/**
 * Checks the segments of an ELF dump against each other: segments that overlap in memory must have the same bytes
 * there, and segments that overlap in the file must be of the same memory. Returns what was not checked.
 */
export function verifyElf(dump: ElfDump, findings: Findings): readonly string[] {
  const source = attachSource(dump.image.source);
  const file = source.name;
  if (dump.header.incomplete)
    findings.add({ kind: "incomplete", message: "lacks a part, or is marked incomplete", file });
  const loads = dump.segments.filter(({ filesz }) => filesz > 0);
  const byMemory = [...loads].sort((a, b) => a.paddr - b.paddr);
  let compared = 0;
  let notCompared = 0;
  forEachOverlap(
    byMemory,
    (load) => load.paddr,
    (a, b) => {
      const start = Math.max(a.paddr, b.paddr);
      const both = Math.min(a.paddr + a.filesz, b.paddr + b.filesz);
      const end = Math.min(both, start + MAX_COMPARED - compared);
      compared += Math.max(0, end - start);
      notCompared += Math.max(0, both - Math.max(start, end));
      const found = firstDifference(dump, a, b, start, end);
      if (found === undefined) return;
      const message = `two segments have different bytes for physical address 0x${found.toString(16)}`;
      findings.add({ kind: "overlap", message, file, pfn: Math.floor(found / dump.pageSize) });
    },
  );
  const byFile = [...loads].sort((a, b) => a.offset - b.offset);
  forEachOverlap(
    byFile,
    (load) => load.offset,
    (a, b) => {
      // The same bytes stand for the same memory at two virtual addresses.
      if (a.paddr - a.offset === b.paddr - b.offset) return;
      const message = `two segments of different memory share bytes of the file: 0x${a.paddr.toString(16)} and 0x${b.paddr.toString(16)}`;
      findings.add({ kind: "overlap", message, file, offset: Math.max(a.offset, b.offset) });
    },
  );
  return notCompared === 0
    ? []
    : [`whether overlapping segments have the same bytes (${formatBytes(notCompared)} of them)`];
}

/** Calls `visit` for segments that overlap: each with the one before it that reaches furthest. */
function forEachOverlap(
  sorted: readonly ElfSegment[],
  startOf: (load: ElfSegment) => number,
  visit: (a: ElfSegment, b: ElfSegment) => void,
): void {
  let furthest = sorted[0];
  for (const load of sorted.slice(1)) {
    if (furthest !== undefined && startOf(load) < startOf(furthest) + furthest.filesz) visit(furthest, load);
    if (furthest === undefined || startOf(load) + load.filesz > startOf(furthest) + furthest.filesz) furthest = load;
  }
}

/** The first physical address in [start, end) for which two segments have different bytes. */
function firstDifference(dump: ElfDump, a: ElfSegment, b: ElfSegment, start: number, end: number): number | undefined {
  const source = attachSource(dump.image.source);
  const memoryOf = ({ paddr, filesz, offset }: ElfSegment) =>
    extentsMemory(source, toExtents([{ start: paddr, end: paddr + filesz, source: offset }]));
  const [left, right] = [memoryOf(a), memoryOf(b)];
  if (a.paddr - a.offset === b.paddr - b.offset) return undefined;
  const one = Buffer.alloc(CHUNK);
  const other = Buffer.alloc(CHUNK);
  for (let at = start; at < end; at += CHUNK) {
    const n = Math.min(CHUNK, end - at);
    try {
      readPages(left, at, one.subarray(0, n));
      readPages(right, at, other.subarray(0, n));
    } catch (error) {
      // Reported later, with the pages that cannot be read.
      damageOf(error);
      continue;
    }
    if (one.compare(other, 0, n, 0, n) === 0) continue;
    for (let i = 0; i < n; i++) if (one[i] !== other[i]) return at + i;
  }
  return undefined;
}
