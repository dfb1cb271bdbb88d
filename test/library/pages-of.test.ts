/** Pages with their classes, physical and virtual memory, and the kernel's objects, as a program of a user's reads them. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Dump,
  estimateDump,
  kernelOf,
  openDump,
  PAGE_CLASSES,
  type PageClass,
  pageChunksOf,
  pagesOf,
  readPhysical,
  Warnings,
} from "../../src/index.js";
import { collectReport } from "../../src/report/collect-report.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { buildElf } from "../support/elf-image.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";

const folder = temporaryFolder();
const vmcore = join(folder, "vmcore");
let dump: Dump;

beforeAll(() => {
  const packed = fileURLToPath(new URL("../../samples/linux-6.1-x86_64.vmcore.br", import.meta.url));
  writeFileSync(vmcore, brotliDecompressSync(readFileSync(packed)));
  dump = openDump(vmcore);
});
afterAll(() => dump.close());

/** Pages by class and how many are kept, as a walk tells them. */
async function walk(of: Dump, level: number) {
  const classes: Partial<Record<PageClass, number>> = {};
  let kept = 0;
  for await (const page of pagesOf(of, { level })) {
    classes[page.class] = (classes[page.class] ?? 0) + 1;
    if (page.kept) kept++;
  }
  return { classes, kept };
}

test.each([0, 1, 2, 8, 16, 31])("level %i: as many pages are kept as a filter run keeps", async (level) => {
  const { classes } = await filterFile(vmcore, join(folder, "out"), { level });
  const walked = await walk(dump, level);
  expect(walked.kept).toBe(classes.kept + classes.zero);
});

test("classes are those of level 31, at every level", async () => {
  const { classes } = await filterFile(vmcore, join(folder, "out"), { level: 30 });
  const { cache, user, free, kept } = classes;
  for (const level of [0, 31]) expect((await walk(dump, level)).classes).toEqual({ cache, user, free, kept });
});

test("pages of the kinds and classes asked for, with their content and struct page", async () => {
  const kernel = kernelOf(dump);
  const slabs = [];
  for await (const page of pagesOf(dump, { kinds: ["slab"] })) slabs.push(page);
  expect(slabs.length).toBeGreaterThan(100);
  expect(new Set(slabs.map((page) => `${page.kind} ${page.class} ${page.kept}`))).toEqual(new Set(["slab kept true"]));
  const [first] = slabs;
  expect(first?.read()).toEqual(readPhysical(dump, first?.paddr ?? 0, dump.pageSize));
  const flags = kernel.readWord(first?.structAddress ?? 0n) ?? 0n;
  expect((flags >> 9n) & 1n, "PG_slab").toBe(1n);
  const users = [];
  for await (const page of pagesOf(dump, { classes: ["user"] })) users.push(page);
  expect(users).toHaveLength(1625);
  // A page is printed and sent to a thread without its dump.
  expect(Object.keys(first ?? {}).sort()).toEqual(["class", "kept", "kind", "pfn"]);
  expect(structuredClone(first)).toEqual({ pfn: first?.pfn, class: "kept", kind: "slab", kept: true });
});

test("chunks say the same as pages", async () => {
  const counts = new Array(PAGE_CLASSES.length).fill(0);
  for await (const { count, present, classes } of pageChunksOf(dump)) {
    for (let i = 0; i < count; i++) if ((present[i >> 3] as number) & (1 << (i & 7))) counts[classes[i] as number]++;
  }
  const { classes } = await walk(dump, 31);
  expect(Object.fromEntries(PAGE_CLASSES.map((name, i) => [name, counts[i]]).filter(([, n]) => n > 0))).toEqual(
    classes,
  );
});

test("a walk can be stopped", async () => {
  const pages = pagesOf(dump, { signal: AbortSignal.abort() });
  await expect(pages.next()).rejects.toMatchObject({ code: "ABORTED" });
});

test("physical memory ends where the dump's does", () => {
  const last = dump.ranges.at(-1)?.end ?? 0;
  expect(readPhysical(dump, last - 10, 100)).toHaveLength(10);
  expect(readPhysical(dump, last + 4096, 100)).toHaveLength(0);
  for (const bad of [-1, 0.5, 2 ** 53]) expect(() => readPhysical(dump, bad, 1)).toThrow("not a physical address");
  expect(() => readPhysical(dump, 0, 2 ** 31)).toThrow("cannot be read at once");
});

test("virtual memory, symbols and utsname", () => {
  const kernel = kernelOf(dump);
  expect(kernel.utsname.release).toBe("6.1.192-tiny");
  const banner = kernel.symbol("linux_banner") ?? kernel.symbol("init_uts_ns");
  expect(kernel.readVirtual(banner as bigint, 512)).toHaveLength(512);
  const bytes = new Uint8Array(16);
  expect(kernel.readInto(bytes, banner as bigint)).toBe(16);
  const place = kernel.physicalAddress(banner as bigint) as number;
  expect(readPhysical(dump, place, 16)).toEqual(bytes);
  expect(kernel.readVirtual(0n, 8)).toHaveLength(0);
  expect(kernel.physicalAddress(0xffff_ffff_ffff_f000n)).toBe(undefined);
  expect(() => kernel.readVirtual(0n, -1)).toThrow("cannot be read at once");
  expect(kernel.symbol("no_such_symbol")).toBe(undefined);
});

test("a dump without VMCOREINFO has no kernel to read", () => {
  const path = join(folder, "bare.elf");
  writeFileSync(path, buildElf({ loads: [{ paddr: 0, data: new Uint8Array(65536) }] }));
  const bare = openDump(path);
  expect(() => kernelOf(bare)).toThrow(/bare.elf: its kernel's memory cannot be read: it has no VMCOREINFO/);
  bare.close();
});

test("where the kernel's count of free pages says that the mark is wrong, all keep them that ask", async () => {
  // As in test/filter/self-check.test.ts: a value that no page has, and lists that cannot be asked.
  const pages = [
    { pfn: 1024, kind: "free", order: 10 },
    { pfn: 2048, kind: "free", order: 10 },
    { pfn: 300, kind: "anon", count: 10 },
  ] as const;
  const remove = ["OFFSET(page.lru)", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)"];
  const add = ["OFFSET(page.lru)=16", "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-200"];
  const path = join(folder, "doubtful");
  for (const [vmcoreinfo, free] of [
    [{ remove, add }, 0] as const,
    [{ remove: ["OFFSET(page.lru)"], add: ["OFFSET(page.lru)=16"] }, 2048] as const,
  ]) {
    writeElf(path, buildKernel({ memory: 48 * MiB, numa: true, pages, vmcoreinfo }));
    const doubtful = openDump(path);
    const lists = () => new Warnings();
    const [walking, estimating, reporting] = [lists(), lists(), lists()];
    const classes: Partial<Record<PageClass, number>> = {};
    for await (const page of pagesOf(doubtful, { warnings: walking }))
      classes[page.class] = (classes[page.class] ?? 0) + 1;
    const estimated = await estimateDump(doubtful, { warnings: estimating, samplePages: 16 });
    const reported = await collectReport(doubtful, { warnings: reporting });
    const filtered = await filterFile(path, join(folder, "out"));
    expect([classes.free ?? 0, estimated.classes.free, reported.wouldDrop?.free, filtered.classes.free]).toEqual([
      free,
      free,
      free,
      free,
    ]);
    for (const { list } of [walking, estimating, reporting]) expect(list).toEqual(filtered.warnings);
    doubtful.close();
  }
});

describeWithDumps("real kernels", () => {
  test("the task list of a kernel with BTF: every task has the name that its memory says", async () => {
    const { vmcore: path } = await realDump("x86-6.12-tiny");
    const real = openDump(path);
    try {
      const kernel = kernelOf(real);
      const init = kernel.symbol("init_task") as bigint;
      const head = kernel.memberAddress("task_struct", init, "tasks") as bigint;
      const names = [init, ...kernel.walkList(head, "task_struct", "tasks")].map((task) =>
        kernel.readText(kernel.memberAddress("task_struct", task, "comm") ?? 0n, 16),
      );
      expect(names.slice(0, 3)).toEqual(["swapper/0", "init", "kthreadd"]);
    } finally {
      real.close();
    }
  });

  describe.each(["tiny-arm-6.1-flatmem", "tiny-s390x-6.12", "tiny-x86-6.1-holes"])("%s", (name) => {
    test.each([1, 31])("level %i: as many pages are kept as a filter run keeps", async (level) => {
      const { vmcore: path } = await realDump(name);
      const { classes } = await filterFile(path, join(folder, "real"), { level });
      const real = openDump(path);
      expect((await walk(real, level)).kept).toBe(classes.kept + classes.zero);
      real.close();
    });
  });
});
