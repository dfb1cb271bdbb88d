/** Struct pages that a kernel's page tables, or a small file, have at many places: each is read once. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { attachSpace } from "../../../src/kernel/arch/archs.js";
import { completeWithKernel } from "../../../src/kernel/complete-dump.js";
import { type KernelView, kernelView } from "../../../src/kernel/kernel-view.js";
import { kindReader } from "../../../src/kernel/page/kind-reader.js";
import { KIND } from "../../../src/kernel/page/page-kinds.js";
import type { Dump } from "../../../src/reader/dump.js";
import { Warnings } from "../../../src/warnings.js";
import { temporaryFolder } from "../../support/filter.js";
import { menagerie } from "../../support/kernel/menagerie.js";
import type { PageDescription } from "../../support/kernel/page-kinds.js";
import { toElf } from "../../support/kernel-dump.js";
import { buildKernel } from "../../support/kernel-image.js";
import { withDump } from "../../support/open.js";

const BATCH = 8192;
const TIMES = 32;

/** The same array of struct pages for pages many times over. */
function repeated(view: KernelView): KernelView {
  const starts = Array.from({ length: TIMES }, (_, i) => i * BATCH);
  return {
    ...view,
    memMap: {
      count: TIMES,
      startPfn: Float64Array.from(starts),
      endPfn: Float64Array.from(starts, (start) => start + BATCH),
      address: new BigUint64Array(TIMES).fill(view.memMap.address[0] as bigint),
      model: "",
    },
  };
}

/** The kinds, found in windows. `lacks` is a place in memory that the dump does not have. */
function kindsOf(
  dump: Dump,
  view: KernelView,
  window: number,
  lacks?: { readonly start: number; readonly end: number },
): { kinds: Uint8Array; bytes: number } {
  let bytes = 0;
  const counted: Dump = {
    ...dump,
    image: dump.image,
    memory: {
      ...dump.memory,
      next: (from) => dump.memory.next(from),
      read(into, paddr) {
        bytes += into.length;
        if (lacks === undefined || paddr + into.length <= lacks.start || paddr >= lacks.end)
          return dump.memory.read(into, paddr);
        const there = into.subarray(0, Math.max(0, lacks.start - paddr));
        return there.length === 0 ? 0 : dump.memory.read(there, paddr);
      },
    },
  };
  const reader = kindReader(counted, view);
  const kinds = new Uint8Array(TIMES * BATCH);
  for (let pfn = 0; pfn < kinds.length; pfn += window)
    reader.read(pfn, pfn + window, kinds.subarray(pfn, pfn + window));
  return { kinds, bytes };
}

/** The dump, with other bytes at some places. */
function withBytes(dump: Dump, pieces: readonly { readonly paddr: number; readonly bytes: Uint8Array }[]): Dump {
  const read = (into: Uint8Array, paddr: number) => {
    const got = dump.memory.read(into, paddr);
    for (const { paddr: at, bytes } of pieces) {
      for (let i = 0; i < bytes.length; i++)
        if (at + i >= paddr && at + i < paddr + got) into[at + i - paddr] = bytes[i] as number;
    }
    return got;
  };
  return { ...dump, image: dump.image, memory: { ...dump.memory, next: (from) => dump.memory.next(from), read } };
}

const DIRECT_MAP = 0xffff_8880_0000_0000n;

/** So small that more of them are between two places of one struct page than are remembered. */
const TOO_MANY = 16;

test.each(["4.18.0", "6.1.0", "6.12.0"])(
  "%s: struct pages at many places are read once, and mean the same",
  (release) => {
    const pages = menagerie(release).filter(({ pfn }) => pfn < BATCH);
    withDump(join(temporaryFolder()), toElf(buildKernel({ release, pages })), (opened) => {
      const warnings = new Warnings();
      const { dump } = completeWithKernel(opened, warnings);
      const view = repeated(kernelView(dump, warnings));
      const { address } = view.memMap;
      const first = attachSpace(view.space, dump.memory).translate(address[0] as bigint)?.paddr ?? 0;
      // All of them are there; a page of them is not; nor are the first ones.
      for (const lacks of [
        undefined,
        { start: first + 8192, end: first + 12_288 },
        { start: first, end: first + 4096 },
      ]) {
        const read = kindsOf(dump, view, TOO_MANY, lacks);
        for (const window of [4 * BATCH, BATCH, BATCH / 2]) {
          const known = kindsOf(dump, view, window, lacks);
          expect(Buffer.compare(known.kinds, read.kinds)).toBe(0);
          expect(new Set(known.kinds).size).toBeGreaterThan(5);
          expect(known.bytes).toBeLessThan(read.bytes / 2);
        }
      }
    });
  },
);

test("a page in a list is so at one of the places of its struct page only", () => {
  const pages: PageDescription[] = [{ pfn: 20, kind: "pcp-free" }];
  withDump(join(temporaryFolder()), toElf(buildKernel({ release: "6.1.0", pages })), (opened) => {
    const warnings = new Warnings();
    const { dump } = completeWithKernel(opened, warnings);
    const view = kernelView(dump, warnings);
    const places = repeated(view);
    const real = places.memMap.address[0] as bigint;
    const paddr = attachSpace(view.space, dump.memory).translate(real)?.paddr as number;
    // The kernel's direct map has the same bytes at other addresses.
    places.memMap.address.forEach((_, i) => {
      places.memMap.address[i] = i % 3 === 1 ? real : DIRECT_MAP + BigInt(paddr);
    });
    const { size, offset } = view.layout;
    const lru = (pfn: number) => pfn * size + (offset.lru as number);
    const links = [20, 21].map((pfn) => {
      const word = real + BigInt(lru(41 - pfn));
      return { paddr: paddr + lru(pfn), bytes: new Uint8Array(BigUint64Array.of(word, word).buffer) };
    });
    const { kinds } = kindsOf(withBytes(dump, links), places, BATCH);
    const listed = Array.from({ length: TIMES }, (_, i) => kinds[i * BATCH + 20] === KIND["pcp-free"]);
    expect(listed).toEqual(Array.from({ length: TIMES }, (_, i) => i % 3 === 1));
  });
});
