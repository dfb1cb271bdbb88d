import fc from "fast-check";
import { setBits, sharedBitmap } from "../../src/reader/bitmap.js";
import type { Arch } from "../../src/reader/machine.js";
import type { DumpFacts } from "../../src/writer/dump-facts.js";
import { patternBytes } from "./bytes.js";

const MACHINES: readonly { readonly arch: Arch; readonly wordSize: 4 | 8; readonly littleEndian: boolean }[] = [
  { arch: "x86_64", wordSize: 8, littleEndian: true },
  { arch: "s390x", wordSize: 8, littleEndian: false },
  { arch: "i386", wordSize: 4, littleEndian: true },
  { arch: "mips", wordSize: 4, littleEndian: false },
];

/** Machines of all header layouts; notes of none to some blocks. */
export const anyFacts = (maxMapnr: number): fc.Arbitrary<DumpFacts> =>
  fc.record({
    machine: fc.constantFrom(...MACHINES),
    pageSize: fc.constant(4096),
    maxMapnr: fc.integer({ min: 1, max: maxMapnr }),
    firstPfn: fc.constant(0),
    utsname: fc.constant({
      ...{ sysname: "Linux", nodename: "host", release: "6.1.0" },
      ...{ version: "#1 SMP", machine: "any", domainname: "" },
    }),
    timestamp: fc.constant(1_700_000_000),
    cpus: fc.integer({ min: 0, max: 4 }),
    physBase: fc.constant(0n),
    dumpLevel: fc.constantFrom(0, 1, 30, 31),
    noteArea: fc.integer({ min: 100, max: 10_000 }).map((length) => patternBytes("note", length)),
    vmcoreinfo: fc.constant({ offset: 20, size: 40 }),
    eraseinfo: fc.option(
      fc.nat(5000).map((length) => patternBytes("erased", length)),
      { nil: undefined },
    ),
    incomplete: fc.boolean(),
  });

/** Some runs of pages, as a bitmap of the pages [0, maxMapnr). */
export const anyRuns = fc.array(fc.record({ start: fc.nat(400), length: fc.integer({ min: 1, max: 9 }) }), {
  maxLength: 8,
});

export function bitmapOfRuns(runs: readonly { readonly start: number; readonly length: number }[], maxMapnr: number) {
  const bitmap = sharedBitmap(maxMapnr);
  for (const { start, length } of runs) {
    if (start < maxMapnr) setBits(bitmap, start, Math.min(maxMapnr, start + length));
  }
  return bitmap;
}

/** The pages of a bitmap, ascending. */
export function pfnsOf(runs: readonly { readonly start: number; readonly length: number }[], maxMapnr: number) {
  const all = runs.flatMap(({ start, length }) => Array.from({ length }, (_, i) => start + i));
  return [...new Set(all)].filter((pfn) => pfn < maxMapnr).sort((a, b) => a - b);
}
