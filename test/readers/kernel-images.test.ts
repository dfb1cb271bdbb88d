/** Described kernels as makedumpfile filters them: what our own tests expect of each is what it keeps. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasMakedumpfile, runTool, withTempDir } from "../support/external-tools.js";
import { kernelCases, menagerie, newerReleases } from "../support/kernel/menagerie.js";
import { expectedPfns, writeElf } from "../support/kernel-dump.js";
import { buildKernel, type Kernel, type PageDescription } from "../support/kernel-image.js";

/** The set bits of a kdump file's second bitmap. */
function dumpedPfns(file: Uint8Array): number[] {
  const view = new DataView(file.buffer, file.byteOffset);
  const block = view.getUint32(428, true);
  const start = (1 + view.getUint32(432, true)) * block;
  const size = (view.getUint32(436, true) * block) / 2;
  const pfns: number[] = [];
  for (let at = 0; at < size; at++) {
    const byte = file[start + size + at] ?? 0;
    for (let bit = 0; byte >> bit !== 0; bit++) {
      if ((byte >> bit) & 1) {
        pfns.push(at * 8 + bit);
      }
    }
  }
  return pfns;
}

/** Has makedumpfile filter the kernel's ELF dump, and compares the page frames it keeps. */
function checkLevels(kernel: Kernel, levels: readonly number[]): void {
  withTempDir((folder) => {
    const [input, output] = [join(folder, "vmcore"), join(folder, "dump")];
    writeElf(input, kernel);
    for (const level of levels) {
      const run = runTool("makedumpfile", ["-f", "-d", String(level), input, output]);
      const said = run.stdout + run.stderr;
      expect(said).toContain("The dumpfile is saved");
      const kept = dumpedPfns(new Uint8Array(readFileSync(output)));
      expect({ level, kept: ranges(kept) }, said).toEqual({ level, kept: ranges(expectedPfns(kernel, level)) });
    }
  });
}

/** Ranges of pfns, so that a difference can be read. */
function ranges(pfns: readonly number[]): string[] {
  const found: [number, number][] = [];
  for (const pfn of pfns) {
    const last = found.at(-1);
    if (last !== undefined && last[1] + 1 === pfn) {
      last[1] = pfn;
    } else {
      found.push([pfn, pfn]);
    }
  }
  return found.map(([first, last]) => `${first}-${last}`);
}

describe.skipIf(!hasMakedumpfile)("kernels filtered by makedumpfile", () => {
  const newer: readonly string[] = newerReleases;
  test.each(kernelCases.filter(([, { release }]) => !newer.includes(release ?? "")))("%s", (name, options) => {
    const kernel = buildKernel({ pages: menagerie(options.release ?? "6.1.0"), ...options });
    const everyLevel = ["2.6.32", "3.10.0", "4.10.0", "6.1.0"].includes(name);
    checkLevels(kernel, everyLevel ? [31, 0, 1, 2, 4, 8, 16] : [31]);
  });

  test("hugetlb pages whose struct pages are shared", () => {
    const pages: PageDescription[] = [
      { pfn: 6656, kind: "hugetlb", hvo: true },
      { pfn: 7168, kind: "anon", count: 3 },
    ];
    const kernel = buildKernel({ vmemmapPageSize: 0x1000, pages });
    checkLevels(kernel, [31, 1]);
  });

  // 1.7.2 knows no compound pages of 6.3 and later, and no more than five flags in section_mem_map.
  test.each(["6.3.0", "6.6.0", "6.9.0", "6.10.0", "6.11.0", "6.12.0", "6.15.0"])("%s, single pages only", (release) => {
    const pages = menagerie(release).filter((page) => {
      const compound = page.kind === "thp" || page.kind === "hugetlb" || (page.order ?? 0) > 0;
      return page.kind === "free" || !compound;
    });
    checkLevels(buildKernel({ release, pages, sectionFlags: 0b1111 }), [31]);
  });
});
