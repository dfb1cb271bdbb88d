/** Built machines of every architecture, filtered whole: which pages stay, and that their bytes are the original's. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { kernelOf } from "../../../src/library/kernel-of.js";
import { machineNamed } from "../../../src/reader/machine.js";
import { openDump } from "../../../src/reader/open.js";
import { filterDump } from "../../../src/run/filter-dump.js";
import { verifyDump } from "../../../src/verify/verify-dump.js";
import { Warnings } from "../../../src/warnings.js";
import { AT, droppedPages, machineElf } from "../../support/arch/machine-image.js";
import { machines } from "../../support/arch/machines.js";
import { compareKdumpWithElf } from "../../support/compare-pages.js";
import { filterFile, sharedThread, temporaryFolder } from "../../support/filter.js";
import { bitmapPfns } from "../../support/golden.js";
import { openKdump } from "../../support/other-kdump.js";
import { buildLime, ramOf } from "../../support/raw-image.js";
import { writeDump } from "../../support/write-dump.js";

const folder = temporaryFolder();
const MODELS = {
  vmemmap: "sparsemem, extreme",
  sparse: "sparsemem, extreme",
  static: "sparsemem, static",
  flat: "flatmem",
  discontig: "discontigmem",
} as const;

describe("level 31", () => {
  test.each(machines)("$name", async (machine) => {
    const [input, output] = [join(folder, "machine.elf"), join(folder, "machine.kdump")];
    writeDump(input, machineElf(machine));
    const result = await filterFile(input, output, { level: 31 });
    expect(result.memoryModel).toBe(MODELS[machine.model]);
    expect(result.warnings).toEqual([]);
    expect(result.classes).toMatchObject({ free: 8, user: 1, cache: 1 });
    const { bitmap1, bitmap2, facts, close } = openKdump(output);
    close();
    expect(facts.littleEndian).toBe(machine.byteOrder === "little");
    const kept = new Set(bitmapPfns(bitmap2));
    const dropped = [...bitmapPfns(bitmap1)].filter((pfn) => !kept.has(pfn)).map((pfn) => facts.firstPfn + pfn);
    expect(dropped).toEqual(droppedPages(machine));
    expect(compareKdumpWithElf(output, input)).toMatchObject({ different: [], unknown: [], leaked: [] });
    expect(await verifyDump(output, { workers: sharedThread() })).toMatchObject({ whole: true, findings: [] });
  });
});

describe("MIPS, whose name does not say its byte order: an image of its memory, and a VMCOREINFO text", () => {
  const mips = machines.filter(({ name }) => /^mips, flatmem|^mips64, big endian/.test(name));
  test.each([...mips.map((one) => [one.name, one] as const)])("%s", async (_, machine) => {
    const path = join(folder, "machine.lime");
    writeDump(`${path}.elf`, machineElf(machine));
    const elf = openDump(`${path}.elf`);
    elf.close();
    writeDump(path, buildLime(ramOf(`${path}.elf`), machine.byteOrder));
    for (const named of [undefined, machineNamed(machine.machine)]) {
      const dump = openDump(path, new Warnings(), named && { machine: named });
      const vmcoreinfo = { name: "text", text: elf.vmcoreinfo?.text ?? "" };
      expect(kernelOf(dump, { vmcoreinfo }).littleEndian).toBe(machine.byteOrder === "little");
      await filterDump(dump, { output: { path: `${path}.out`, force: true }, vmcoreinfo, workers: sharedThread() });
      dump.close();
      const { bitmap1, bitmap2, close } = openKdump(`${path}.out`);
      close();
      const kept = new Set(bitmapPfns(bitmap2));
      expect([...bitmapPfns(bitmap1)].filter((pfn) => !kept.has(pfn))).toEqual(droppedPages(machine));
    }
  });
});

describe("without the top page table", () => {
  // Those whose variables no table has, so that the kernel is found all the same.
  const fixed = machines.filter(
    ({ model, tables, mapLevel }) => model === "vmemmap" && tables !== undefined && mapLevel === undefined,
  );

  test("there are such machines", () => {
    expect(new Set(fixed.map(({ machine }) => machine))).toEqual(
      new Set(["loongarch64", "ppc64", "ppc64le", "sparc64"]),
    );
  });

  test.each(fixed)("$name: the tables below it lead to the struct pages", async (machine) => {
    const [input, output] = [join(folder, "machine.elf"), join(folder, "machine.kdump")];
    const { tables: { levels: [top] = [], entrySize = 8 } = {} } = machine;
    const lost = new Uint8Array(2 ** (top?.bits ?? 0) * entrySize);
    writeDump(
      input,
      machineElf({
        ...machine,
        prepare(memory, start) {
          machine.prepare?.(memory, start);
          memory.write(start + AT.root, lost);
        },
      }),
    );
    const { classes, warnings } = await filterFile(input, output, { level: 31 });
    expect(warnings.map(({ code }) => code)).toEqual(["PAGE_TABLES"]);
    expect(classes).toMatchObject({ free: 8, user: 1, cache: 1 });
  });
});
