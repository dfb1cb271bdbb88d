/**
 * Real dumps of machines other than x86-64 at level 31, against what the kernel itself said of its pages moments before
 * the dump (/proc/kpageflags) and against the pages whose content was written on purpose (truth.txt).
 */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compareKdumpWithElf } from "../support/compare-pages.js";
import { type DumpFacts, describeWithDumps, foreignDumps, furtherDumps, realDump } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { contradictions, keptOnPurpose, pagesOf } from "../support/kernel-flags.js";

interface Bounds {
  /** How the kernel finds its struct pages, as coresieve calls it. */
  readonly model: string;
  /**
   * Pages that were of no class that goes when the flags were read and are dropped all the same: they went from a CPU's
   * list of free pages to the buddy allocator in between. As found in the dump; more would be a mistake.
   */
  readonly freedSince: number;
  /** Freed pages that stay: on a CPU's list of free pages, where no filter can tell them. */
  readonly onCpuLists: number;
}

const bounds: Readonly<Record<string, Bounds>> = {
  "tiny-arm64-6.12-64k-va52": { model: "sparsemem, extreme", freedSince: 32, onCpuLists: 42 },
  "arm64-7.2-16k-tiny": { model: "sparsemem, extreme", freedSince: 30, onCpuLists: 0 },
  "tiny-i386-6.1-flatmem": { model: "flatmem", freedSince: 0, onCpuLists: 0 },
  "tiny-i386-6.12-pae-sparsemem": { model: "sparsemem, static", freedSince: 32, onCpuLists: 347 },
  "tiny-arm-6.1-flatmem": { model: "flatmem", freedSince: 107, onCpuLists: 0 },
  "tiny-s390x-6.12": { model: "sparsemem, extreme", freedSince: 20, onCpuLists: 384 },
  "tiny-riscv64-6.12-sv48": { model: "sparsemem, extreme", freedSince: 0, onCpuLists: 107 },
};

const foreign = [...foreignDumps, ...furtherDumps.filter((dump) => !dump.golden)];
const machines: (DumpFacts & Bounds)[] = foreign.flatMap((facts) => {
  const known = bounds[facts.name];
  return known === undefined ? [] : [{ ...facts, ...known }];
});

test("every dump of such a machine is looked at: docs/support-matrix.md says so of all", () => {
  expect(Object.keys(bounds)).toEqual(expect.arrayContaining(foreign.map(({ name }) => name)));
});

describeWithDumps("level 31 against the kernel's own flags", () => {
  const folder = temporaryFolder();

  describe.each(machines)("$name", ({ name, flat, model, freedSince, onCpuLists }) => {
    test("drops what the kernel calls free, anonymous or page cache, and nothing that it needs", async () => {
      const dump = await realDump(name);
      const output = join(folder, `${name}.kdump`);
      const result = await filterFile(dump.vmcore, output, { level: 31 });
      expect(result.memoryModel).toBe(model);
      expect(result.warnings).toEqual([]);
      expect(compareKdumpWithElf(output, dump.vmcore)).toMatchObject({ different: [], unknown: [], leaked: [] });

      const { kept, exists } = pagesOf(output);
      expect(contradictions(dump, exists, kept)).toEqual({
        keptBuddy: 0,
        keptAnonymous: 0,
        keptCache: 0,
        keptHuge: 0,
        droppedSlab: 0,
        droppedPageTables: 0,
        droppedReserved: 0,
        droppedOther: freedSince,
      });
      expect(keptOnPurpose(dump, kept)).toEqual(onCpuLists === 0 ? {} : { free: onCpuLists });
    });

    test.skipIf(!flat)(
      "keeps the same pages of QEMU's own kdump file (skipped where the archive has none)",
      async () => {
        const dump = await realDump(name);
        const outputs = [join(folder, `${name}.kdump`), join(folder, `${name}.flat.kdump`)] as const;
        await filterFile(dump.vmcore, outputs[0], { level: 31 });
        await filterFile(dump.flat as string, outputs[1], { level: 31 });
        expect([...pagesOf(outputs[1]).kept]).toEqual([...pagesOf(outputs[0]).kept]);
        expect(compareKdumpWithElf(outputs[1], dump.vmcore)).toMatchObject({ different: [], unknown: [], leaked: [] });
      },
    );

    test("keeps the same pages of its own output, filtered again, and of an ELF output", async () => {
      const dump = await realDump(name);
      const outputs = ["kdump", "again", "elf", "last"].map((suffix) => join(folder, `${name}.${suffix}`));
      const [first, again, elf, last] = outputs as [string, string, string, string];
      await filterFile(dump.vmcore, first, { level: 31, codec: "lzo" });
      await filterFile(first, again, { level: 31 });
      expect([...pagesOf(again).kept]).toEqual([...pagesOf(first).kept]);
      // A level that leaves zero pages in: ELF outputs have no place for a page of zeros that is kept.
      await filterFile(dump.vmcore, first, { level: 30 });
      await filterFile(first, elf, { level: 30, format: "elf" });
      await filterFile(elf, last, { level: 30 });
      expect([...pagesOf(last).kept]).toEqual([...pagesOf(first).kept]);
    });
  });
});
