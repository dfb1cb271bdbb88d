/** ELF outputs of machines other than x86-64: memory is at the address where the kernel's own page tables map it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { completeWithKernel } from "../../src/kernel/complete-dump.js";
import { attachSpace, kernelView } from "../../src/kernel/kernel-view.js";
import { openDump } from "../../src/reader/open.js";
import { Warnings } from "../../src/warnings.js";
import { machineElf } from "../support/arch/machine-image.js";
import { machines } from "../support/arch/machines.js";
import { describeWithDumps, foreignDumps, realDump } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { openElf } from "../support/other-elf.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output.elf")];

/** The share of memory with a virtual address, each of which translates back. */
async function mapped(path: string): Promise<number> {
  await filterFile(path, output, { level: 0, format: "elf" });
  const dump = completeWithKernel(openDump(path), new Warnings()).dump;
  const space = attachSpace(kernelView(dump, new Warnings()).space, dump.memory);
  const elf = openElf(output);
  let [all, withAddress] = [0, 0];
  for (const { type, physicalAddress, virtualAddress, formatBytes } of elf.segments) {
    if (type !== 1) continue;
    all += formatBytes;
    if (virtualAddress === 0n && physicalAddress !== 0) continue;
    const places = [0, formatBytes - dump.pageSize].map((at) => space.translate(virtualAddress + BigInt(at))?.paddr);
    // Firmware has the address that it would have in the direct map: nothing else is there.
    if (places.every((place) => place === undefined)) continue;
    withAddress += formatBytes;
    expect(places).toEqual([physicalAddress, physicalAddress + formatBytes - dump.pageSize]);
  }
  elf.close();
  dump.close();
  return withAddress / all;
}

describeWithDumps("real dumps", () => {
  test.each(foreignDumps)("$name", async ({ name }) => {
    const { vmcore } = await realDump(name);
    // What is not mapped is QEMU's firmware.
    expect(await mapped(vmcore)).toBeGreaterThan(0.9);
  });
});

const built = machines.filter(({ name }) =>
  ["mips64, sparsemem, symbols in CKSEG0", "ppc64le, radix, pages of 64 KiB", "ppc64, hash, vmemmap_list"].includes(
    name,
  ),
);
test.each(built)("$name", async (machine) => {
  writeFileSync(input, machineElf(machine));
  expect(await mapped(input)).toBe(1);
});
