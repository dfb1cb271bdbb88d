/** Where the direct map is, of dumps whose VMCOREINFO has numbers that cannot be. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { attachSpace, kernelView } from "../../src/kernel/kernel-view.js";
import { virtualLayout } from "../../src/kernel/virtual-layout.js";
import { openDump } from "../../src/reader/open.js";
import { parseVmcoreinfo } from "../../src/reader/vmcoreinfo.js";
import { Warnings } from "../../src/warnings.js";
import { temporaryFolder } from "../support/filter.js";
import { arm64 } from "../support/kernel/arch-arm64.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel } from "../support/kernel-image.js";

const folder = temporaryFolder();
const kernel = buildKernel({ arch: arm64 });

test.each(["TCR_EL1_T1SZ", "VA_BITS"])("arm64 with a %s that no machine has", (name) => {
  const path = join(folder, "arm64");
  writeElf(path, kernel);
  const dump = openDump(path);
  const find = (text: string) => {
    const changed = { ...dump, vmcoreinfo: parseVmcoreinfo(text, new Warnings()) };
    return virtualLayout(changed, kernelView(changed, new Warnings()))?.directMap;
  };
  const whole = find(kernel.vmcoreinfo);
  expect(whole).toBeDefined();
  for (const value of ["-1180591620717411303424", "999999999999", "-1", "0", "64"]) {
    const text = `${kernel.vmcoreinfo.replace(new RegExp(`NUMBER\\(${name}\\)=.*\n`), "")}NUMBER(${name})=${value}\n`;
    expect([whole, undefined]).toContain(find(text));
  }
  dump.close();
});

test("a direct map whose tables are missing is not looked for elsewhere: the kernel's image is none", () => {
  const path = join(folder, "x86_64");
  const x86 = buildKernel();
  writeElf(path, x86);
  const dump = openDump(path);
  const view = kernelView(dump, new Warnings());
  const { tables } = attachSpace(view.space, dump.memory);
  expect(virtualLayout(dump, view).directMap).toBe(x86.directMap);
  const { shape, decode } = tables as NonNullable<typeof tables>;
  const entry = new Uint8Array(8);
  dump.memory.read(entry, shape.root + 8 * Number((x86.directMap >> 39n) & 511n));
  const step = decode(new DataView(entry.buffer).getBigUint64(0, true), 0);
  const lost = step !== undefined && "table" in step ? step.table : -1;
  const without = (paddr: number, length: number) => paddr <= lost && lost < paddr + length;
  const memory: typeof dump.memory = {
    read: (into, paddr) => (without(paddr, into.length) ? 0 : dump.memory.read(into, paddr)),
    next: (paddr) => dump.memory.next(paddr),
  };
  expect(virtualLayout({ ...dump, memory }, view).directMap).toBeUndefined();
  dump.close();
});
