/** Which pages of the kernel's own the self-check looks at. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { kernelPageEvidence } from "../../src/filter/self-check/kernel-pages.js";
import { completeWithKernel } from "../../src/kernel/complete-dump.js";
import { kernelView } from "../../src/kernel/kernel-view.js";
import { virtualLayout } from "../../src/kernel/virtual-layout.js";
import { openDump } from "../../src/reader/open.js";
import { Warnings } from "../../src/warnings.js";
import { temporaryFolder } from "../support/filter.js";
import { sampleDump } from "../support/sample.js";

test("the pages of VMCOREINFO's symbols are looked at, however far apart struct pages lie", () => {
  const path = join(temporaryFolder(), "vmcore");
  writeFileSync(path, sampleDump());
  const opened = openDump(path);
  try {
    const { dump } = completeWithKernel(opened, new Warnings());
    const view = kernelView(dump, new Warnings());
    const base = virtualLayout(dump, view).directMap as bigint;
    const far = Array.from({ length: 64 }, (_, i) => ({
      ...{ firstPfn: 0, count: 0, words: new Int32Array(0) },
      // Each in another 4 MiB, as on machines with GiB of memory.
      address: base + BigInt(i % 8 === 0 ? (i / 8) * (4 << 20) : 0),
    }));
    const symbols = kernelPageEvidence(dump, view, []).pages;
    expect(symbols).toBeGreaterThan(5);
    expect(kernelPageEvidence(dump, view, far).pages).toBeGreaterThan(symbols);
  } finally {
    opened.close();
  }
});
