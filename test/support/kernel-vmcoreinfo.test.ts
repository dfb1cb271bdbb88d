import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeWithDumps, realDump } from "./dumps.js";
import { buildKernel, type KernelOptions } from "./kernel-image.js";

/** Items of kallsyms: the builder makes none. */
const notBuilt = /kallsyms/;

/** Items whose value may differ: addresses, sizes of structures which the builder simplifies, names. */
const free =
  /^(OSRELEASE|BUILD-ID|CRASHTIME|KERNELOFFSET|SYMBOL|SIZE\((pglist_data|zone)|OFFSET\((pglist|zone)|NUMBER\((phys_base|KERNEL_IMAGE_SIZE|VMALLOC_START))/;

function items(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name, value] = /^([^=]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined && !notBuilt.test(name)) {
      found.set(name, free.test(name) ? "" : value);
    }
  }
  return found;
}

describeWithDumps("VMCOREINFO as real kernels export it", () => {
  const withoutPoison = { remove: ["NUMBER(PG_hwpoison)"] };
  const cases: readonly (readonly [string, KernelOptions])[] = [
    ["tiny-x86-6.1", { release: "6.1.0" }],
    ["tiny-x86-6.1-sparse-classic", { release: "6.1.0", memoryModel: "sparse-extreme" }],
    ["tiny-x86-6.12", { release: "6.12.0" }],
    ["x86-6.1-kdump-tiny", { release: "6.1.0", numa: true, crashTime: 1, vmcoreinfo: withoutPoison }],
    ["x86-6.12-tiny", { release: "6.12.0", numa: true }],
  ];
  test.each(cases)("%s", async (name, options) => {
    const real = items(readFileSync((await realDump(name)).vmcoreinfo, "utf8"));
    const built = items(buildKernel(options).vmcoreinfo);
    expect(Object.fromEntries(built)).toEqual(Object.fromEntries(real));
  });
});
