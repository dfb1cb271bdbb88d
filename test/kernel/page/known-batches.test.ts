/** Struct pages that a kernel's page tables, or a small file, have at many places: each is read once. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { completeWithKernel } from "../../../src/kernel/complete-dump.js";
import { type KernelView, kernelView } from "../../../src/kernel/kernel-view.js";
import { kindReader } from "../../../src/kernel/page/kind-reader.js";
import type { Dump } from "../../../src/reader/dump.js";
import { Warnings } from "../../../src/warnings.js";
import { temporaryFolder } from "../../support/filter.js";
import { menagerie } from "../../support/kernel/menagerie.js";
import { toElf } from "../../support/kernel-dump.js";
import { buildKernel } from "../../support/kernel-image.js";
import { withDump } from "../../support/open.js";

const BATCH = 8192;
const TIMES = 128;

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

function kindsOf(dump: Dump, view: KernelView, window: number): { kinds: Uint8Array; bytes: number } {
  let bytes = 0;
  const counted: Dump = {
    ...dump,
    image: dump.image,
    memory: {
      ...dump.memory,
      next: (from) => dump.memory.next(from),
      read(into, paddr) {
        bytes += into.length;
        return dump.memory.read(into, paddr);
      },
    },
  };
  const reader = kindReader(counted, view);
  const kinds = new Uint8Array(TIMES * BATCH);
  for (let pfn = 0; pfn < kinds.length; pfn += window)
    reader.read(pfn, pfn + window, kinds.subarray(pfn, pfn + window));
  return { kinds, bytes };
}

test.each(["4.18.0", "6.1.0", "6.12.0"])(
  "%s: struct pages at many places are read once, and mean the same",
  (release) => {
    const pages = menagerie(release).filter(({ pfn }) => pfn < BATCH);
    withDump(join(temporaryFolder()), toElf(buildKernel({ release, pages })), (opened) => {
      const warnings = new Warnings();
      const { dump } = completeWithKernel(opened, warnings);
      const view = repeated(kernelView(dump, warnings));
      const known = kindsOf(dump, view, 4 * BATCH);
      // Half a batch at a time is always read.
      const read = kindsOf(dump, view, BATCH / 2);
      expect(Buffer.compare(known.kinds, read.kinds)).toBe(0);
      expect(new Set(known.kinds).size).toBeGreaterThan(5);
      expect(known.bytes).toBeLessThan(read.bytes / 8);
    });
  },
);
