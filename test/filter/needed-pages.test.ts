/** A damaged struct page of a page that every reader needs: the page stays, and that is said. */
import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { forEachNeeded, type Need } from "../../src/filter/self-check/needed-pages.js";
import { completeWithKernel } from "../../src/kernel/complete-dump.js";
import { attachSpace, kernelView } from "../../src/kernel/kernel-view.js";
import { kindReader } from "../../src/kernel/page/kind-reader.js";
import { structPageAddress } from "../../src/kernel/page/mem-map.js";
import { KIND } from "../../src/kernel/page/page-kinds.js";
import { pageChunksOf } from "../../src/library/pages-of.js";
import { testBitIn } from "../../src/reader/bits.js";
import { openDump } from "../../src/reader/open.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { Warnings } from "../../src/warnings.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { openElf } from "../support/other-elf.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];

/** The name of a need: of page tables with their level, counted from the bottom. */
const nameOf = (need: Need) =>
  need.kind === "table" ? `table ${need.tables.shape.levels.length - need.level}` : need.kind;

/** Of each need the last page, and the struct pages of pages of each fate. */
function look(path: string) {
  const dump = completeWithKernel(openDump(path), new Warnings()).dump;
  const view = kernelView(dump, new Warnings());
  const space = attachSpace(view.space, dump.memory);
  const structAt = (pfn: number) => {
    const address = structPageAddress(view.memMap, view.layout.size, pfn);
    return address === undefined ? undefined : space.translate(address)?.paddr;
  };
  const found = new Map<string, number>();
  const symbols = new Set<number>();
  forEachNeeded(dump, view, (start, end, need) => {
    if (structAt(end - 1) !== undefined) found.set(nameOf(need), end - 1);
    for (let pfn = start; need.kind === "symbol" && pfn < end; pfn++) symbols.add(pfn);
  });
  const [largest] = [...dump.ranges].sort((a, b) => b.end - b.start - (a.end - a.start));
  const first = Math.floor((largest?.start ?? 0) / dump.pageSize);
  const kinds = new Uint8Array(2 ** 15);
  kindReader(dump, view).read(first, first + kinds.length, kinds);
  const structOf = (...wanted: number[]) =>
    structAt(first + (wanted.map((kind) => kinds.indexOf(kind)).find((at) => at >= 0) as number)) as number;
  dump.close();
  return {
    found,
    symbols,
    structAt,
    size: view.layout.size,
    cache: structOf(KIND.cache, KIND.shmem, KIND["cache-private"], KIND.anon),
    user: structOf(KIND.anon),
  };
}

/** Makes a copy in `input`. The function that is returned gives a page there another's struct page, and takes it back. */
function damageable(vmcore: string, size: number) {
  const elf = openElf(vmcore);
  elf.close();
  const placeOf = (paddr: number) => {
    const load = elf.segments.find(
      ({ type, physicalAddress, fileSize }) =>
        type === 1 && physicalAddress <= paddr && paddr < physicalAddress + fileSize,
    );
    return paddr + (load?.offset ?? 0) - (load?.physicalAddress ?? 0);
  };
  writeDump(input, readFileSync(vmcore));
  return async (from: number, to: number, run: () => Promise<void>) => {
    const fd = openSync(input, "r+");
    const [other, own] = [Buffer.alloc(size), Buffer.alloc(size)];
    try {
      readSync(fd, other, 0, size, placeOf(from));
      readSync(fd, own, 0, size, placeOf(to));
      writeSync(fd, other, 0, size, placeOf(to));
      await run();
    } finally {
      writeSync(fd, own, 0, size, placeOf(to));
      closeSync(fd);
    }
  };
}

/** Whether a walk over the pages says that a page is kept. */
async function isKept(path: string, pfn: number): Promise<boolean> {
  const dump = openDump(path);
  try {
    for await (const { startPfn, count, kept } of pageChunksOf(dump)) {
      if (pfn < startPfn + count) return pfn >= startPfn && testBitIn(kept, pfn - startPfn);
    }
    return false;
  } finally {
    dump.close();
  }
}

describeWithDumps("pages that readers need stay whatever their struct pages say", () => {
  test.each([
    "tiny-x86-6.1",
    "tiny-x86-6.1-sparse-classic",
    "tiny-x86-6.12",
    "tiny-arm-6.1-flatmem",
    "tiny-s390x-6.12",
    "tiny-arm64-6.12-64k-va52",
    "tiny-riscv64-6.12-sv48",
    "tiny-i386-6.12-pae-sparsemem",
  ] as const)("%s", async (name) => {
    const { vmcore } = await realDump(name);
    const { found, structAt, size, cache, user } = look(vmcore);
    expect([...found.keys()]).toEqual(expect.arrayContaining(["table 2", "structs", "node"]));
    const damaged = damageable(vmcore, size);
    const sound = (await filterFile(vmcore, output, { level: 31 })).classes;
    for (const [need, pfn] of found) {
      await damaged(need === "table 2" ? user : cache, structAt(pfn) as number, async () => {
        const warnings = new Warnings();
        const { classes } = await filterFile(input, output, { level: 31, warnings });
        const codes = warnings.list.map(({ code }) => code);
        const { findings } = await verifyDump(output);
        expect({ need, codes, classes, findings }).toEqual({
          ...{ need, classes: sound, findings: [] },
          codes: expect.arrayContaining(["KERNEL_PAGES"]),
        });
        expect(await isKept(input, pfn)).toBe(true);
      });
    }
  });
});

describeWithDumps("with --privacy, too", () => {
  test.each(["tiny-x86-6.1", "tiny-s390x-6.12", "tiny-arm64-6.12-64k-va52", "tiny-i386-6.12-pae-sparsemem"] as const)(
    "%s",
    async (name) => {
      const { vmcore } = await realDump(name);
      const { found, symbols, structAt, size, cache } = look(vmcore);
      const damaged = damageable(vmcore, size);
      const before = (await filterFile(vmcore, output, { privacy: true })).classes;
      for (const [need, pfn] of found) {
        // Without its image's own struct pages a kernel is refused.
        if (symbols.has(pfn)) continue;
        await damaged(cache, structAt(pfn) as number, async () => {
          const { classes } = await filterFile(input, output, { privacy: true });
          const { findings } = await verifyDump(output);
          expect({ need, classes, findings }).toEqual({ need, classes: before, findings: [] });
        });
      }
    },
  );
});
