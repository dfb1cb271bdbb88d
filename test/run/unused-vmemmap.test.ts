/** `-e`: struct pages of dropped pages go, those of kept pages stay, and what has been made so can be read, filtered again and verified. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { readVirtual } from "../../src/kernel/address-space.js";
import { attachSpace } from "../../src/kernel/kernel-view.js";
import { structPageAddress } from "../../src/kernel/page/mem-map.js";
import { openDump } from "../../src/reader/open.js";
import { withView } from "../../src/run/own-session.js";
import { openSession } from "../../src/run/session.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { Warnings } from "../../src/warnings.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, sharedThread, temporaryFolder } from "../support/filter.js";
import { bitmapPfns, readKdumpBitmap2 } from "../support/golden.js";
import { openKdump } from "../support/other-kdump.js";

const folder = temporaryFolder();
const [plain, output, again] = [join(folder, "plain"), join(folder, "output"), join(folder, "again")];

const DUMPS = [
  "tiny-x86-6.1",
  "tiny-x86-6.1-sparse-classic",
  "tiny-x86-6.1-holes",
  "x86-5.10-tiny",
  "x86-6.1-kdump-tiny",
  "x86-6.12-tiny",
  "x86-7.2-tiny",
  "tiny-riscv64-6.12-sv48",
];

function statusOf(path: string): number {
  const kdump = openKdump(path);
  try {
    return kdump.facts.status;
  } finally {
    kdump.close();
  }
}

/** Pages of the output whose struct page cannot be read in it, although the input has it. */
async function withoutStructPage(input: string): Promise<number> {
  const [before, after] = [input, output].map((path) => openDump(path, new Warnings())) as [
    ReturnType<typeof openDump>,
    ReturnType<typeof openDump>,
  ];
  try {
    const { view, dump } = withView(openSession(before));
    const [whole, filtered] = [dump, after].map(({ memory }) => ({ memory, space: attachSpace(view.space, memory) }));
    const bytes = new Uint8Array(view.layout.size);
    const has = (one: typeof whole, address: bigint) =>
      one !== undefined && readVirtual(one.space, one.memory, bytes, address) === bytes.length;
    let missing = 0;
    for (const pfn of bitmapPfns(readKdumpBitmap2(output))) {
      const address = structPageAddress(view.memMap, view.layout.size, pfn);
      if (address !== undefined && has(whole, address) && !has(filtered, address)) missing++;
    }
    return missing;
  } finally {
    before.close();
    after.close();
  }
}

describeWithDumps("struct pages of dropped pages", () => {
  test.each(DUMPS)("%s: pages go, and each page that stays has its struct page", async (name) => {
    const { vmcore } = await realDump(name);
    const without = await filterFile(vmcore, plain, { level: 31 });
    const { classes } = await filterFile(vmcore, output, { level: 31, excludeUnusedVmemmap: true });
    const dropped = classes["unused-vmemmap"] ?? 0;
    expect(dropped).toBeGreaterThan(0);
    expect(without.classes).not.toHaveProperty("unused-vmemmap");
    expect(statusOf(output)).toBe(statusOf(plain) | 0x10);
    const [before, after] = [plain, output].map((path) => new Set(bitmapPfns(readKdumpBitmap2(path)))) as [
      Set<number>,
      Set<number>,
    ];
    expect(before.size - after.size).toBe(dropped);
    expect([...after].every((pfn) => before.has(pfn))).toBe(true);
    expect(await withoutStructPage(vmcore)).toBe(0);
  });

  test.each(["kdump", "elf"] as const)(
    "as %s: verify and a second filtering take it for what it is",
    async (format) => {
      const { vmcore } = await realDump("x86-6.12-tiny");
      const { classes } = await filterFile(vmcore, output, { level: 31, excludeUnusedVmemmap: true, format });
      const { findings, comparison } = await verifyDump(output, { against: vmcore, workers: sharedThread() });
      expect(findings).toEqual([]);
      expect(comparison?.classes?.["unused-vmemmap"]).toBeGreaterThan(0);
      expect(comparison?.classes?.kept).toBe(0);
      const second = await filterFile(output, again, { level: 31 });
      expect(second.classes.kept + second.classes.zero).toBe(classes.kept + (format === "elf" ? 0 : classes.zero));
      if (format === "kdump") expect(statusOf(again) & 0x10).toBe(0x10);
    },
  );

  test.each(["arm64-7.2-16k-tiny", "tiny-s390x-6.12"])(
    "%s maps its memory map page by page: nothing goes",
    async (name) => {
      const { classes } = await filterFile((await realDump(name)).vmcore, output, { excludeUnusedVmemmap: true });
      expect(classes["unused-vmemmap"]).toBe(0);
    },
  );

  test("at a level that drops nothing nothing goes", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    const { classes } = await filterFile(vmcore, output, { level: 0, excludeUnusedVmemmap: true });
    expect(classes["unused-vmemmap"]).toBe(0);
  });

  test("threads change nothing about it", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1-holes");
    await filterFile(vmcore, plain, { level: 31, excludeUnusedVmemmap: true });
    await filterFile(vmcore, output, { level: 31, excludeUnusedVmemmap: true, workers: 2 });
    const [one, two] = [plain, output].map((path) => Buffer.from(readKdumpBitmap2(path)));
    expect(two?.equals(one as Buffer)).toBe(true);
  });
});
