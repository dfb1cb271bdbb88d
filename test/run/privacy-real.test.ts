/** --privacy on every real dump: nothing that was written on purpose is left, in any format, and the kernel's own is. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { CODEC_NAMES } from "../../src/codec/codecs.js";
import { openDump } from "../../src/reader/open.js";
import { Warnings } from "../../src/warnings.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { describeWithDumps, type RealDump, realDump, realDumps } from "../support/dumps.js";
import { filterFile, filterFlattened, type RunOptions, temporaryFolder } from "../support/filter.js";

const folder = temporaryFolder();
const threads = new WorkerThreads(1);
afterAll(() => threads.destroy());

/** Zero pages and what stands for no page (pfn 0) are no user's. */
function writtenPfns({ truth }: RealDump): Set<number> {
  const rows = readFileSync(truth, "latin1")
    .split("\n")
    .map((line) => line.split(/\s+/));
  const pfns = rows.filter(([kind, , , pfn]) => kind !== "zero" && pfn).map((row) => Number.parseInt(row[3] ?? "", 16));
  return new Set(pfns.filter((pfn) => pfn > 0));
}

const KPF_SLAB = 7n;

/** What the kernel said of its pages moments before: whether a page was the slab allocator's. */
function slabTeller({ kpageflags }: RealDump, littleEndian: boolean): (pfn: number) => boolean {
  const bytes = readFileSync(kpageflags);
  return (pfn) => {
    if (pfn * 8 + 8 > bytes.length) return false;
    const flags = littleEndian ? bytes.readBigUInt64LE(pfn * 8) : bytes.readBigUInt64BE(pfn * 8);
    return ((flags >> KPF_SLAB) & 1n) === 1n;
  };
}

const CANARIES = ["USERCANARY-", "CACHECANARY-", "FREECANARY-", "KERNCANARY-"];

/** Pages of a dump in which such a text stands, with the most copies of one kind; and the pages of an input that it has. */
function search(path: string): { found: Map<number, number>; pfns: Set<number>; littleEndian: boolean } {
  const dump = openDump(path, new Warnings());
  const { pageSize, memory } = dump;
  const found = new Map<number, number>();
  const pfns = new Set<number>();
  const page = Buffer.alloc(pageSize);
  try {
    for (let at = memory.next(0); at < Number.POSITIVE_INFINITY; at = memory.next(at + pageSize)) {
      at -= at % pageSize;
      page.fill(0);
      memory.read(page, at);
      pfns.add(at / pageSize);
      const kinds = new Map<string, number>();
      for (const word of CANARIES) {
        for (let i = page.indexOf(word); i !== -1; i = page.indexOf(word, i + 1)) {
          const kind = page.toString("latin1", i, i + word.length + 4);
          kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        }
      }
      if (kinds.size > 0) found.set(at / pageSize, Math.max(...kinds.values()));
    }
  } finally {
    dump.close();
  }
  return { found, pfns, littleEndian: dump.machine.littleEndian };
}

/**
 * No page that was written on purpose is in the output (one that has become a slab page since is none). Elsewhere the texts
 * stand in a few slab pages, once or twice: a task's vector registers, and the strings of the program that wrote them, left in
 * freed objects by the unpacking of its initramfs (docs/privacy.md).
 */
function expectNothingLeft(dump: RealDump, path: string): Set<number> {
  const { found, pfns, littleEndian } = search(path);
  const isSlab = slabTeller(dump, littleEndian);
  expect([...writtenPfns(dump)].filter((pfn) => found.has(pfn) && !isSlab(pfn))).toEqual([]);
  expect([...found].filter(([, copies]) => copies > 2)).toEqual([]);
  expect(found.size).toBeLessThanOrEqual(4);
  return pfns;
}

describeWithDumps("--privacy", () => {
  describe.each(realDumps.map(({ name }) => name))("%s", (name) => {
    test.each([
      ["kdump", "zlib", { format: "kdump", codec: "zlib" }],
      ["ELF", "none", { format: "elf" }],
    ] as const)("%s, %s", async (_, codec, options: RunOptions) => {
      const dump = await realDump(name);
      const output = join(folder, `${name}.${codec}`);
      const { classes, privacy, warnings } = await filterFile(dump.vmcore, output, {
        ...options,
        privacy: true,
        workers: threads,
      });
      expectNothingLeft(dump, output);
      expect(warnings).toEqual([]);
      expect((classes.unreferenced ?? 0) + (classes.unknown ?? 0)).toBeGreaterThan(0);
      expect(privacy?.found.pageTables).toBeGreaterThan(4);
      expect(privacy?.slab).toBeGreaterThan(100);
    });
  });

  const small = "tiny-x86-6.1-nokaslr";
  test.each(CODEC_NAMES)("every codec, and flattened: %s", async (codec) => {
    const dump = await realDump(small);
    const options = { codec, privacy: true, workers: threads };
    const output = join(folder, `codec-${codec}`);
    await filterFile(dump.vmcore, output, options);
    const pfns = expectNothingLeft(dump, output);
    await filterFlattened(dump.vmcore, output, options);
    expect(expectNothingLeft(dump, output)).toEqual(pfns);
  });

  test("out of QEMU's kdump file, and as flattened ELF", async () => {
    const dump = await realDump(small);
    const output = join(folder, "flat");
    await filterFile(dump.flat as string, output, { privacy: true, workers: threads });
    expectNothingLeft(dump, output);
    await filterFlattened(dump.vmcore, output, { format: "elf", privacy: true, workers: threads });
    expectNothingLeft(dump, output);
  });

  test("the top page table of the process that a CPU was in stays: libkdumpfile begins there", async () => {
    const dump = await realDump("x86-7.2-tiny");
    const output = join(folder, "top-table");
    await filterFile(dump.vmcore, output, { privacy: true, workers: threads });
    const original = openDump(dump.vmcore, new Warnings());
    // struct QEMUCPUState: CR3 is behind 18 registers, 10 segments and three other control registers.
    const tables = original.notes
      .filter(({ name }) => name === "QEMU")
      .map(({ desc }) => Number(Buffer.from(desc).readBigUInt64LE(416) >> 12n));
    original.close();
    const { pfns } = search(output);
    expect(tables.length).toBe(1);
    expect(tables.filter((pfn) => !pfns.has(pfn))).toEqual([]);
  });

  /** Lowest pages of stacks by their content, as far as they were in use. */
  test.each(["tiny-arm-6.1-flatmem", "tiny-i386-6.1-flatmem", "tiny-s390x-6.12", "tiny-riscv64-6.12-sv48"])(
    "stacks that are not in the vmalloc area stay: %s",
    async (name) => {
      const dump = await realDump(name);
      const output = join(folder, "stacks");
      const { privacy } = await filterFile(dump.vmcore, output, { privacy: true, workers: threads });
      const { pfns } = search(output);
      const original = openDump(dump.vmcore, new Warnings());
      const { pageSize, machine, memory } = original;
      const counts = readFileSync(dump.kpageflags);
      const word = Buffer.alloc(machine.wordSize);
      let bottoms = 0;
      for (let at = memory.next(0); at < Number.POSITIVE_INFINITY; at = memory.next(at + pageSize)) {
        const pfn = at / pageSize;
        memory.read(word, at);
        if (!machine.littleEndian) word.reverse();
        if (word.readUInt32LE(0) !== 0x57ac6e9d || pfn * 8 + 8 > counts.length) continue;
        const flags = machine.littleEndian ? counts.readBigUInt64LE(pfn * 8) : counts.readBigUInt64BE(pfn * 8);
        // Not free, not reserved: KPF_BUDDY, KPF_RESERVED.
        if (((flags >> 10n) & 1n) === 1n || ((flags >> 32n) & 1n) === 1n || !pfns.has(pfn)) continue;
        bottoms++;
        expect(pfns.has(pfn + 1)).toBe(true);
      }
      original.close();
      expect(bottoms).toBeGreaterThan(20);
      expect(privacy?.stack).toBeGreaterThan(40);
    },
  );
});
