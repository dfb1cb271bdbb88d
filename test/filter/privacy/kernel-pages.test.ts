/** --privacy on built kernels: every kind of page that has to go goes, every one that a debugger needs stays. */
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { WorkerThreads } from "../../../src/worker/threads.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { bitmapPfns, readKdumpBitmap2 } from "../../support/golden.js";
import { menagerie } from "../../support/kernel/menagerie.js";
import {
  directAddress,
  HandTables,
  MODULES,
  privateKernel,
  setField,
  stackBottom,
  VMALLOC,
} from "../../support/kernel/private-kernel.js";
import { writeElf } from "../../support/kernel-dump.js";
import { type Kernel, MiB, type PageDescription } from "../../support/kernel-image.js";
import { prstatusNote } from "../../support/notes.js";
import { failureOfAsync } from "../../support/open.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];
const threads = new WorkerThreads(1);
afterAll(() => threads.destroy());

async function kept(kernel: Kernel) {
  writeElf(input, kernel);
  const result = await filterFile(input, output, { privacy: true, workers: threads });
  return { result, pfns: new Set(bitmapPfns(readKdumpBitmap2(output))) };
}

/** Which of some pages stay. */
const of = (pfns: ReadonlySet<number>, wanted: readonly number[]) => wanted.filter((pfn) => pfns.has(pfn));
const run = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

describe("by struct pages", () => {
  test.each(["2.6.32", "3.10.0", "4.4.0", "4.18.0", "6.1.0", "6.12.0", "7.1.0"])("%s", async (release) => {
    const kernel = privateKernel({ release, pages: menagerie(release) });
    const { result, pfns } = await kept(kernel);
    const dropped = [
      ...[16, 18, 19, ...run(32, 32), ...run(1024, 2048)], // free
      ...[20, ...run(100, 16), ...run(120, 8)], // per-CPU lists, cache, user, on lists and off
      ...[144, 146, 147, 148, ...run(152, 4), 301], // a process's page table, movable, in use by anybody
      ...[160, 161, ...run(162, 4), ...run(192, 24), ...run(512, 512), ...run(6656, 1024)],
    ];
    expect(of(pfns, dropped)).toEqual([]);
    // Reserved in a PC's first megabyte: what firmware left there; older kernels have tables of their own there.
    const isOlder = release.startsWith("2.6.");
    const own = [130, 132, 133, ...run(136, 8)];
    expect(of(pfns, [...own, 145])).toEqual(isOlder ? [...own, 145] : own);
    expect(result.privacy?.remains.some((gap) => gap.startsWith("a PC's first megabyte"))).toBe(isOlder);
    // The image, and the tables and struct pages that everything is found by.
    const image = run(kernel.imagePhysical / 4096, Math.ceil(kernel.imageSize / 4096));
    expect(of(pfns, image)).toEqual(image);
    expect(pfns.has(Math.floor((kernel.structPhysical(130) as number) / 4096))).toBe(true);
    const { classes, privacy } = result;
    expect(Object.values(classes).reduce((sum, n) => sum + n, 0)).toBe(result.inputPages);
    const reasons = privacy && privacy.reserved + privacy.slab + privacy.known + privacy.stack + privacy.percpu;
    expect(reasons).toBe(classes.kept + classes.zero);
    expect(classes.unreferenced).toBeGreaterThan(0);
    expect(classes["off-lru"]).toBeGreaterThan(0);
    expect(classes.unknown).toBeGreaterThan(6);
  });

  test("what it leaves can be filtered again, and nothing more goes", async () => {
    await kept(privateKernel({ pages: menagerie("6.1.0") }));
    const again = join(folder, "again");
    const { classes } = await filterFile(output, again, { privacy: true, workers: threads });
    expect([...bitmapPfns(readKdumpBitmap2(again))]).toEqual([...bitmapPfns(readKdumpBitmap2(output))]);
    expect(classes.unknown).toBe(0);
  });

  test("pages without struct page, and those whose struct page is not there", async () => {
    const memory = [
      { start: 0, end: 32 * MiB },
      { start: 130 * MiB, end: 132 * MiB },
      { start: 256 * MiB, end: 260 * MiB },
    ];
    const { result, pfns } = await kept(privateKernel({ memory, sectionsWithoutMemMap: [1] }));
    expect(of(pfns, run(33280, 512))).toEqual([]);
    expect(result.classes["no-struct-page"]).toBe(512);
    const holes = privateKernel({ vmemmapPageSize: 0x1000, unmappedVmemmap: [{ start: 2048, end: 2112 }] });
    const second = await kept(holes);
    expect(of(second.pfns, run(2048, 64))).toEqual([]);
    expect(second.result.classes["no-struct-page"]).toBe(64);
  });

  test("memory that is not online goes, though its pages say that they are reserved", async () => {
    const memory = [
      { start: 0, end: 32 * MiB },
      { start: 128 * MiB, end: 130 * MiB },
    ];
    const kernel = privateKernel({ memory });
    expect(of((await kept(kernel)).pfns, run(32768, 512)).length).toBe(512);
    const word = (at: number) => new DataView(kernel.memory.read(at, 8).slice().buffer).getBigUint64(0, true);
    const physical = (vaddr: bigint) =>
      vaddr >= kernel.imageVirtual
        ? kernel.imagePhysical + Number(vaddr - kernel.imageVirtual)
        : Number(vaddr - kernel.directMap);
    const roots = physical(BigInt(`0x${/SYMBOL\(mem_section\)=(\w+)/.exec(kernel.vmcoreinfo)?.[1]}`));
    const second = physical(word(roots)) + 16;
    expect(word(second) & 7n).toBe(7n);
    kernel.memory.write(second, new Uint8Array(new BigUint64Array([word(second) & ~4n]).buffer));
    const { pfns, result } = await kept(kernel);
    expect(of(pfns, run(32768, 512))).toEqual([]);
    expect(result.classes.offline).toBe(512);
  });

  test("a kernel whose PG_reserved cannot be told is refused", async () => {
    const kernel = privateKernel();
    const pfn = kernel.imagePhysical / 4096 + 1;
    setField(kernel, pfn, "flags", 0n);
    writeElf(input, kernel);
    const error = await failureOfAsync(() => filterFile(input, output, { privacy: true, workers: threads }));
    expect(error.code).toBe("CANNOT_FILTER");
    expect(error.message).toContain("PG_reserved");
  });

  test("a level that keeps user data contradicts it", async () => {
    writeElf(input, privateKernel());
    const error = await failureOfAsync(() => filterFile(input, output, { privacy: true, level: 15, workers: threads }));
    expect(error.code).toBe("BAD_OPTION");
  });
});

describe("stacks in the direct map", () => {
  const stack = (pfn: number, content = stackBottom()): PageDescription[] => [
    { pfn, kind: "kernel", content },
    { pfn: pfn + 1, kind: "pcp-free", count: 3 },
  ];

  test("a block of THREAD_SIZE with the mark stays", async () => {
    const pages: PageDescription[] = [
      ...stack(2048),
      ...stack(2056, new Uint8Array(4096).fill(0x57)), // no mark
      ...stack(2066), // at no multiple of its size
      { pfn: 2072, kind: "kernel", content: stackBottom() }, // one page, and the next are in use
      { pfn: 2073, kind: "kernel", count: 3 },
      ...stack(2080, stackBottom(104)), // where older kernels have it
    ];
    const { pfns, result } = await kept(privateKernel({ pages }));
    expect(
      of(
        pfns,
        [2048, 2056, 2066, 2072, 2080].flatMap((pfn) => run(pfn, 4)),
      ),
    ).toEqual(run(2048, 4));
    expect(result.privacy?.stack).toBe(4);
  });

  test("goes where the kernel maps its stacks: a page in a pipe may begin like a stack, and the next ones be free", async () => {
    const pages: PageDescription[] = [...stack(2048), { pfn: 2112, kind: "kernel", count: 64 }];
    const kernel = privateKernel({ pages: [...pages, { pfn: 2200, kind: "kernel", count: 3 }] });
    const tables = new HandTables(kernel, VMALLOC, [2200, 2201, 2202]);
    for (let i = 0; i < 8; i++) {
      kernel.memory.write((2112 + 4 * i) * 4096, stackBottom());
      tables.map(1 + 5 * i, run(2112 + 4 * i, 4));
    }
    const { pfns, result } = await kept(kernel);
    expect(of(pfns, [...run(2048, 4), ...run(2112, 64)])).toEqual(run(2112, 32));
    expect(result.privacy?.stack).toBe(0);
  });

  test("until 4.8 the mark is behind struct thread_info", async () => {
    const { pfns } = await kept(privateKernel({ release: "4.4.0", pages: stack(2080, stackBottom(104)) }));
    expect(of(pfns, run(2080, 4))).toEqual(run(2080, 4));
  });
});

describe("per-CPU memory of kernels for one processor", () => {
  test("a block whose pages all name a chunk that names the block stays; a page table that names its mm_struct goes", async () => {
    const pages: PageDescription[] = [
      { pfn: 130, kind: "slab" },
      { pfn: 2048, kind: "kernel" },
      { pfn: 2049, kind: "pcp-free", count: 7 },
      { pfn: 2064, kind: "kernel" },
    ];
    const kernel = privateKernel({ pages });
    const slab = directAddress(kernel, 130);
    const word = (value: bigint) => new Uint8Array(new BigUint64Array([value]).buffer);
    kernel.memory.write(130 * 4096, new Uint8Array(4096));
    kernel.memory.write(130 * 4096 + 48, word(directAddress(kernel, 2048)));
    kernel.memory.write(130 * 4096 + 1024 + 48, word(directAddress(kernel, 2064)));
    for (let i = 0; i < 8; i++) setField(kernel, 2048 + i, "index", slab);
    setField(kernel, 2064, "index", slab + 1024n);
    const { pfns, result } = await kept(kernel);
    expect(of(pfns, [...run(2048, 8), 2064])).toEqual(run(2048, 8));
    expect(result.privacy?.percpu).toBe(8);
    setField(kernel, 2055, "index", 0n);
    expect(of((await kept(kernel)).pfns, run(2048, 8))).toEqual([]);
  });
});

describe("mapped memory", () => {
  const kernelPages = { pfn: 2048, kind: "kernel", count: 64 } as const;

  test("stacks and modules stay; what else is mapped goes", async () => {
    const kernel = privateKernel({ pages: [kernelPages, { pfn: 2200, kind: "kernel", count: 6 }] });
    kernel.memory.write(2050 * 4096, stackBottom());
    const tables = new HandTables(kernel, VMALLOC, [2200, 2201, 2202]);
    tables.map(1, [2050, 2060, 2049, 2070]);
    tables.map(6, [2080, 2081, 2090]);
    new HandTables(kernel, MODULES, [2203, 2204, 2205]).map(0, [2100, 2102]);
    const { pfns, result } = await kept(kernel);
    expect(of(pfns, run(2048, 64))).toEqual([2049, 2050, 2060, 2070, 2100, 2102]);
    expect(result.privacy?.found).toMatchObject({ stacks: 4, modules: 2, percpu: 0 });
    // The tables that lead there; the image's own have the modules' upper one.
    expect(of(pfns, [2200, 2201, 2202, 2205])).toEqual([2200, 2201, 2202, 2205]);
  });

  test("per-CPU pages name their chunk; a stale name leads to no chunk", async () => {
    const kernel = privateKernel({
      pages: [kernelPages, { pfn: 130, kind: "slab", count: 2 }, { pfn: 2200, kind: "kernel", count: 3 }],
    });
    const chunk = directAddress(kernel, 130) + 0x80n;
    const word = new Uint8Array(8);
    new DataView(word.buffer).setBigUint64(0, VMALLOC, true);
    kernel.memory.write(130 * 4096, new Uint8Array(4096));
    kernel.memory.write(130 * 4096 + 0x80 + 40, word);
    new HandTables(kernel, VMALLOC, [2200, 2201, 2202]).map(3, [2048, 2049, 2050, 2051, 2053]);
    setField(kernel, 2048, "index", chunk);
    setField(kernel, 2049, "private", chunk);
    setField(kernel, 2050, "index", directAddress(kernel, 131)); // slab, but no chunk
    setField(kernel, 2051, "index", directAddress(kernel, 2052)); // once a slab
    setField(kernel, 2053, "index", chunk + 512n); // once a page table, and that names its mm_struct
    new DataView(word.buffer).setBigUint64(0, directAddress(kernel, 2053), true);
    kernel.memory.write(130 * 4096 + 0x80 + 512 + 80, word);
    kernel.memory.write(2052 * 4096, kernel.memory.read(130 * 4096 + 0x80, 256));
    const { pfns } = await kept(kernel);
    expect(of(pfns, run(2048, 64))).toEqual([2048, 2049]);
  });

  test("the stack that a CPU was on stays; a program sets its stack pointer as it likes", async () => {
    for (const [selector, stays] of [
      [0x10n, run(2052, 4)],
      [0x33n, []],
    ] as const) {
      const kernel = privateKernel({ pages: [{ pfn: 2048, kind: "kernel", count: 16 }] });
      const registers = Array.from({ length: 20 }, () => 0n);
      registers[17] = selector;
      registers[19] = directAddress(kernel, 2053);
      const notes = kernel.notes.map((note) => (note.name === "CORE" ? prstatusNote(1, registers) : note));
      const { pfns } = await kept({ ...kernel, notes } as Kernel);
      expect(of(pfns, run(2048, 16)), String(selector)).toEqual(stays);
    }
  });

  test("user pages that are mapped there go all the same", async () => {
    const kernel = privateKernel({
      pages: [
        { pfn: 2048, kind: "cache" },
        { pfn: 2049, kind: "anon" },
        { pfn: 2200, kind: "kernel", count: 3 },
      ],
    });
    kernel.memory.write(2048 * 4096, stackBottom());
    new HandTables(kernel, VMALLOC, [2200, 2201, 2202]).map(0, [2048, 2049]);
    const { pfns } = await kept(kernel);
    expect(of(pfns, [2048, 2049])).toEqual([]);
  });
});
