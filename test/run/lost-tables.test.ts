/** Dumps whose kernel's top page table is lost: zeros, or not in the file. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { completeWithKernel } from "../../src/kernel/complete-dump.js";
import { attachSpace, type KernelView, kernelView, viewMemory } from "../../src/kernel/kernel-view.js";
import { logOfKernel } from "../../src/kernel/log/read-log.js";
import { kernelOf } from "../../src/library/kernel-of.js";
import type { Dump } from "../../src/reader/dump.js";
import { openDump } from "../../src/reader/open.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { Warnings } from "../../src/warnings.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { openElf } from "../support/other-elf.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];

/** Overwrites the top table: `size` bytes of zeros, or the entry of what `lost` names. */
async function withoutTop(
  name: string,
  size: number,
  lost?: (view: KernelView, dump: Dump) => bigint,
): Promise<string> {
  const { vmcore } = await realDump(name);
  const dump = completeWithKernel(openDump(vmcore), new Warnings()).dump;
  const view = kernelView(dump, new Warnings());
  const top = attachSpace(view.space, dump.memory).tables?.shape.levels[0];
  const address = lost?.(view, dump);
  dump.close();
  let root = "root" in view.space ? view.space.root : 0;
  if (address !== undefined && top !== undefined) {
    root += size * Number((address >> BigInt(top.shift)) & ((1n << BigInt(top.bits)) - 1n));
  }
  const file = readFileSync(vmcore);
  const at = root + offsetOf(vmcore, root);
  expect(file.subarray(at, at + size).every((byte) => byte === 0)).toBe(false);
  file.fill(0, at, at + size);
  writeDump(input, file);
  return vmcore;
}

/** What is to be added to a physical address to have its place in the file. */
function offsetOf(vmcore: string, paddr: number): number {
  const elf = openElf(vmcore);
  const load = elf.segments.find(
    ({ type, physicalAddress, fileSize }) =>
      type === 1 && physicalAddress <= paddr && paddr < physicalAddress + fileSize,
  );
  elf.close();
  return (load?.offset ?? 0) - (load?.physicalAddress ?? 0);
}

function viewOf(path: string): KernelView {
  const dump = completeWithKernel(openDump(path), new Warnings()).dump;
  const view = kernelView(dump, new Warnings());
  dump.close();
  return view;
}

function addressesOf(path: string): bigint[] {
  const elf = openElf(path);
  elf.close();
  return elf.segments.map(({ virtualAddress }) => virtualAddress);
}

/** Where the kernel has its sections: in the direct map. */
function sectionsAt(dump: Dump, view: KernelView): bigint {
  const pointer = dump.vmcoreinfo?.symbol("mem_section") ?? 0n;
  return viewMemory(dump, view)?.readWord(pointer) ?? 0n;
}

const logOf = (path: string) => {
  const dump = completeWithKernel(openDump(path), new Warnings()).dump;
  try {
    return logOfKernel(dump).records.map(({ text }) => Buffer.from(text).toString("latin1"));
  } finally {
    dump.close();
  }
};

describeWithDumps("where processes' top tables have the kernel's half, all is as it was", () => {
  test.each([
    ["tiny-x86-6.1", 4096],
    ["x86-6.12-tiny", 4096],
    ["tiny-riscv64-6.12-sv48", 4096],
    ["tiny-i386-6.1-flatmem", 4096],
    ["tiny-arm-6.1-flatmem", 16384],
  ] as const)("%s", async (name, size) => {
    const vmcore = await withoutTop(name, size);
    const warnings = new Warnings();
    const { classes } = await filterFile(input, output, { level: 30, warnings });
    expect(warnings.list.map(({ code }) => code)).toContain("PAGE_TABLES");
    expect(classes).toEqual((await filterFile(vmcore, output, { level: 30 })).classes);
    expect(logOf(input)).toEqual(logOf(vmcore));
    expect((await verifyDump(input)).counts.kernel).toBe(1);
    // An ELF file has the kernel's addresses all the same.
    const elf = new Warnings();
    await filterFile(input, output, { level: 31, format: "elf", warnings: elf });
    expect(elf.list.map(({ code }) => code)).not.toContain("NO_ADDRESSES");
  });
});

describeWithDumps("entries of the top table that are lost are taken from a process's", () => {
  describe.each([["tiny-x86-6.1"], ["x86-6.12-tiny"], ["tiny-riscv64-6.12-sv48"]] as const)("%s", (name) => {
    test.each([
      ["the struct pages'", ({ memMap }: KernelView) => memMap.address[0] as bigint],
      ["that of the way to them", (view: KernelView, dump: Dump) => sectionsAt(dump, view)],
    ] as const)("%s", async (_, lost) => {
      const vmcore = await withoutTop(name, 8, lost);
      const warnings = new Warnings();
      const { classes } = await filterFile(input, output, { level: 30, warnings });
      expect(warnings.list.map(({ code }) => code)).toContain("PAGE_TABLES");
      expect(classes).toEqual((await filterFile(vmcore, output, { level: 30 })).classes);
      await filterFile(input, output, { level: 31, format: "elf" });
      const addresses = addressesOf(output);
      await filterFile(vmcore, output, { level: 31, format: "elf" });
      expect(addresses).toEqual(addressesOf(output));
    });
  });
});

describeWithDumps(
  "where they do not, the image's own offset leads to the log, and the tables below to the struct pages",
  () => {
    test.each([
      ["tiny-arm64-6.12-64k-va52", 8192],
      ["arm64-7.2-16k-tiny", 16384],
      ["tiny-s390x-6.12", 16384],
      // Its struct pages are in low memory.
      ["tiny-i386-6.12-pae-sparsemem", 32],
    ] as const)("%s", async (name, size) => {
      const vmcore = await withoutTop(name, size);
      const log = logOf(vmcore);
      expect(log.length).toBeGreaterThan(20);
      expect(logOf(input)).toEqual(log);
      const [lost, whole] = [openDump(input), openDump(vmcore)];
      expect(kernelOf(lost).symbol("schedule")).toBe(kernelOf(whole).symbol("schedule"));
      lost.close();
      whole.close();
      const { warnings } = await filterFile(input, output, { level: 1, format: "elf" });
      expect(warnings.map(({ code }) => code)).not.toContain("NO_ADDRESSES");
      const { warnings: met, classes } = await filterFile(input, output, { level: 30 });
      expect(met.map(({ code, count }) => `${code} ${count}`)).toEqual(["PAGE_TABLES 1"]);
      expect(classes).toEqual((await filterFile(vmcore, output, { level: 30 })).classes);
    });

    test("pages whose struct pages cannot be reached are kept", async () => {
      const vmcore = await withoutTop("tiny-arm64-6.12-64k-va52", 8192);
      const { space } = viewOf(input);
      const { tablesBelow: [below] = [] } = space;
      const file = readFileSync(input);
      const at = (below?.table ?? 0) + offsetOf(vmcore, below?.table ?? 0);
      file.fill(0, at, at + 65536);
      writeDump(input, file);
      const { warnings, classes } = await filterFile(input, output, { level: 30 });
      // In doubt a page is kept.
      expect(warnings.map(({ code, count }) => `${code} ${count}`)).toEqual([
        "PAGE_TABLES 1",
        `MEM_MAP_UNREADABLE ${classes.kept}`,
      ]);
      expect(Object.values(classes).reduce((sum, count) => sum + count)).toBe(classes.kept);
    });
  },
);
