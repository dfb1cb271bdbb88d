/** What --privacy strict leaves of real dumps, looked at by other readers of files. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { usedTopTables } from "../../../../src/filter/privacy/cpu-stacks.js";
import { openVmlinux } from "../../../../src/kernel/debuginfo/vmlinux.js";
import { tasksOf } from "../../../../src/library/tasks-of.js";
import { openDump } from "../../../../src/reader/open.js";
import { verifyDump } from "../../../../src/verify/verify-dump.js";
import { WorkerThreads } from "../../../../src/worker/threads.js";
import { describeWithDumps, realDump, realVmlinux } from "../../../support/dumps.js";
import { filterFile, temporaryFolder } from "../../../support/filter.js";
import { bitmapPfns } from "../../../support/golden.js";
import { failureOfAsync } from "../../../support/open.js";
import { openElf } from "../../../support/other-elf.js";
import { openKdump } from "../../../support/other-kdump.js";
import { buildLime, ramOf } from "../../../support/raw-image.js";

const PAGE = 4096;
const folder = temporaryFolder();
const threads = new WorkerThreads(1);
afterAll(() => threads.destroy());
const at = (name: string) => join(folder, name);

/** All pages of a kdump output. */
function* pagesOf(output: string): Generator<{ pfn: number; page: Buffer }> {
  const kdump = openKdump(output);
  let index = 0;
  for (const pfn of bitmapPfns(kdump.bitmap2)) yield { pfn, page: kdump.content(kdump.descriptor(index++)) };
  kdump.close();
}

/** Pieces of six printable characters or more outside of the kernel's image, of the kernel that was not moved. */
async function texts(output: string): Promise<string[]> {
  const vmlinux = openVmlinux(await realVmlinux(), ["dwarf"]);
  const page = (name: string) => Number((vmlinux.linked(name)?.address ?? 0n) - 0xffff_ffff_8000_0000n) / PAGE;
  const [start, end] = [page("_text"), page("_end")];
  vmlinux.close();
  expect(end - start).toBeGreaterThan(1000);
  const found: string[] = [];
  for (const { pfn, page } of pagesOf(output)) {
    if (pfn >= start && pfn < end) continue;
    found.push(...(page.toString("latin1").match(/[ -~\t\n]{6,}/g) ?? []));
  }
  return found;
}

async function tasks(path: string): Promise<unknown[]> {
  const dump = openDump(path);
  try {
    return [...tasksOf(dump)];
  } finally {
    dump.close();
  }
}

describeWithDumps("--privacy strict", () => {
  const dump = "tiny-x86-6.1-nokaslr";

  test("the boot CPU's first stack, in the image, is tested word by word whether or not registers lead to it", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    writeFileSync(at("lime"), buildLime(ramOf(vmcore)));
    for (const [from, to] of [
      [vmcore, "of-elf"],
      [at("lime"), "of-lime"],
    ] as const) {
      await filterFile(from, at(to), { privacy: "strict", codec: "none", workers: threads });
    }
    // Of the ELF dump the top page table of the CPU's process stays, too: only registers lead to it.
    const elf = openDump(vmcore);
    const tops = usedTopTables(elf).map((paddr) => paddr / elf.pageSize);
    elf.close();
    const pages = (name: string) =>
      [...pagesOf(at(name))].map(({ pfn, page }) => [pfn, page.toString("base64")] as const);
    const lime = pages("of-lime");
    const others = new Set(lime.map(([pfn]) => pfn));
    const isFurther = (pfn: number) => tops.includes(pfn) && !others.has(pfn);
    expect(lime).toEqual(pages("of-elf").filter(([pfn]) => !isFurther(pfn)));
  });

  test("without types: no text stays outside of the image, where --privacy leaves plenty", async () => {
    const { vmcore } = await realDump(dump);
    await filterFile(vmcore, at("private"), { privacy: true, workers: threads });
    expect((await texts(at("private"))).length).toBeGreaterThan(500);
    const { privacy, warnings } = await filterFile(vmcore, at("bare"), { privacy: "strict", workers: threads });
    expect(await texts(at("bare"))).toEqual([]);
    expect(warnings).toEqual([]);
    expect(privacy?.strict?.bytes).toBeGreaterThan(100_000);
    expect(privacy?.remains.join()).toMatch(/has no types/);
  });

  test("with types: names of slab caches, and nothing else; with tasks' names those", async () => {
    const { vmcore } = await realDump(dump);
    const vmlinux = await realVmlinux();
    const options = { privacy: "strict", vmlinux, workers: threads } as const;
    await filterFile(vmcore, at("typed"), options);
    const left = await texts(at("typed"));
    expect(left.filter((text) => !/^[a-zA-Z0-9_:.@-]+$/.test(text))).toEqual([]);
    expect(left.length).toBeLessThan(20);
    await filterFile(vmcore, at("named"), { ...options, privacyKeep: ["comm"] });
    expect(await texts(at("named"))).toContain("cpuhp/0");
    expect(left).not.toContain("cpuhp/0");
  });

  test.each(["x86-6.12-tiny", "x86-7.2-tiny", "x86-5.10-tiny"])(
    "%s: zeros only, and verify calls them erased",
    async (name) => {
      const { vmcore } = await realDump(name);
      const { privacy } = await filterFile(vmcore, at(name), {
        ...{ privacy: "strict", privacyKeep: ["comm"], workers: threads },
      });
      // A task_struct is shorter than its type on x86: what lay behind it was taken for its end.
      expect(await tasks(at(name))).toEqual(await tasks(vmcore));
      const before = openElf(vmcore);
      let notZero = 0;
      let canaries = 0;
      for (const { pfn, page } of pagesOf(at(name))) {
        if (/(USER|CACHE|FREE|KERN)CANARY/.test(page.toString("latin1"))) canaries++;
        const old = before.page(pfn, PAGE) ?? Buffer.alloc(PAGE);
        if (!page.equals(old)) for (let i = 0; i < PAGE; i++) notZero += Number(page[i] !== old[i] && page[i] !== 0);
      }
      before.close();
      expect({ notZero, canaries }).toEqual({ notZero: 0, canaries: 0 });
      expect(privacy?.strict?.bytes).toBeGreaterThan(250_000);
      const result = await verifyDump(at(name), { against: vmcore, workers: threads });
      expect(result).toMatchObject({ whole: true, comparison: { privacy: true, different: 0 } });
    },
  );

  test.each(["tiny-arm-6.1-flatmem", "tiny-i386-6.1-flatmem", "tiny-i386-6.12-pae-sparsemem"])(
    "%s: without symbols, names of resources tell where the image is",
    async (name) => {
      const { vmcore } = await realDump(name);
      await filterFile(vmcore, at(name), { privacy: "strict", workers: threads });
      const result = await verifyDump(at(name), { against: vmcore, workers: threads });
      expect(result).toMatchObject({ whole: true, comparison: { privacy: true, different: 0 } });
      let canaries = 0;
      for (const { page } of pagesOf(at(name)))
        canaries += Number(/(USER|CACHE|FREE)CANARY/.test(page.toString("latin1")));
      expect(canaries).toBe(0);
    },
  );

  /** A copy of a 32-bit machine's dump, of whose image only names of resources tell where it is. */
  async function renamed(name: string, from: string, to: string): Promise<string> {
    const { vmcore } = await realDump(name);
    const bytes = readFileSync(vmcore);
    for (let i = bytes.indexOf(from); i >= 0; i = bytes.indexOf(from, i + 1)) bytes.write(to, i, "latin1");
    writeFileSync(at("renamed"), bytes);
    return at("renamed");
  }

  test("refuses where the end of the kernel's image is not told", async () => {
    const vmcore = await renamed("tiny-i386-6.1-flatmem", "\0Kernel data\0", "\0Somebody's \0");
    const failure = await failureOfAsync(() => filterFile(vmcore, at("no"), { privacy: "strict", workers: threads }));
    expect(failure.code).toBe("CANNOT_FILTER");
  });
});
