/** What PG_reserved does not vouch for: memory of devices, and the memory of the crash kernel. */
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { createDeviceCheck } from "../../../src/filter/privacy/device-check.js";
import { coversPages, linearMemory } from "../../../src/filter/privacy/linear-memory.js";
import { lowMemory, reservedRanges } from "../../../src/filter/privacy/reserved-ranges.js";
import type { PageLayout } from "../../../src/kernel/page/page-layout.js";
import { setBits, sharedBitmap } from "../../../src/reader/bitmap.js";
import type { Dump } from "../../../src/reader/dump.js";
import { WorkerThreads } from "../../../src/worker/threads.js";
import { BASE, machine, space } from "../../support/fake-machine.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { bitmapPfns, readKdumpBitmap2 } from "../../support/golden.js";
import { privateKernel, setField } from "../../support/kernel/private-kernel.js";
import { writeElf } from "../../support/kernel-dump.js";
import type { Kernel } from "../../support/kernel-image.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];
const threads = new WorkerThreads(1);
afterAll(() => threads.destroy());

async function kept(kernel: Kernel) {
  writeElf(input, kernel);
  const result = await filterFile(input, output, { privacy: true, workers: threads });
  return { result, pfns: new Set(bitmapPfns(readKdumpBitmap2(output))) };
}

const run = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

/** Pages of the first megabyte, which are all reserved on these machines: they go. */
const LOW = 256;

describe("reserved pages that were given out", () => {
  test("pages of ZONE_DEVICE, which name their pgmap where others have a list, and pages that a driver marked, go", async () => {
    const kernel = privateKernel();
    for (const pfn of run(1000, 64)) setField(kernel, pfn, "lru", 0xffff_8880_0012_3400n);
    setField(kernel, 1100, "lru", 0xdead_0000_0000_0100n);
    const { pfns, result } = await kept(kernel);
    expect(run(1000, 64).filter((pfn) => pfns.has(pfn))).toEqual([]);
    expect([pfns.has(999), pfns.has(1064), pfns.has(1100)]).toEqual([true, true, false]);
    expect(result.classes.device).toBe(LOW + 65);
  });

  test.each([
    ["64 bits, little", 8, true],
    ["64 bits, big", 8, false],
    ["32 bits, little", 4, true],
    ["32 bits, big", 4, false],
  ] as const)(
    "%s-endian: a list that names itself stays, whatever page of 4 GiB it lies in",
    (_, wordSize, littleEndian) => {
      const layout = { offset: { lru: 8 }, size: 32, wordSize, littleEndian } as unknown as PageLayout;
      const address = wordSize === 8 ? 0xffff_ea00_ffff_ffc0n : 0xc123_4000n;
      const pages = new Uint8Array(5 * 32);
      const view = new DataView(pages.buffer);
      const put = (i: number, value: bigint) =>
        wordSize === 8
          ? view.setBigUint64(i * 32 + 8, value, littleEndian)
          : view.setUint32(i * 32 + 8, Number(value), littleEndian);
      for (let i = 0; i < 5; i++) put(i, address + BigInt(i * 32 + 8));
      put(3, address);
      const classes = Uint8Array.of(16, 16, 16, 16, 17);
      put(4, 1n);
      createDeviceCheck(layout)({ firstPfn: 0, from: 0, to: 5, pages, classes, address });
      expect([...classes]).toEqual([16, 16, 16, 12, 17]);
    },
  );

  test("images for kexec and pages that drivers marked go on kernels that set the first pointer of the list to 0", async () => {
    const kernel = privateKernel();
    for (const pfn of run(1000, 64)) {
      setField(kernel, pfn, "lru", 0n);
      const list = (kernel.structPhysical(pfn) as number) + kernel.features.layout.lru;
      kernel.memory.write(list + 8, new Uint8Array(new BigUint64Array([0xdead_0000_0000_0122n]).buffer));
    }
    const { pfns, result } = await kept(kernel);
    expect(run(1000, 64).filter((pfn) => pfns.has(pfn))).toEqual([]);
    expect(result.classes.device).toBe(LOW + 64);
  });

  test("struct pages stay, though kernels up to 4.8 with memory hotplug have a small number where others have a list", async () => {
    const kernel = privateKernel({ release: "3.10.0" });
    const memMap = new Set([...kernel.pfns()].map((pfn) => Math.floor((kernel.structPhysical(pfn) ?? 0) / 4096)));
    for (const pfn of memMap) setField(kernel, pfn, "lru", 12n);
    // What only looks like it goes.
    setField(kernel, 1000, "lru", 12n + (1n << 32n));
    const { pfns, result } = await kept(kernel);
    expect([...memMap].filter((pfn) => !pfns.has(pfn))).toEqual([]);
    expect(memMap.size).toBeGreaterThan(60);
    expect(result.classes.device).toBe(LOW + 1);
  });

  test("pages that the kernel's page tables show to be its own stay, whatever their list has", () => {
    const layout = { offset: { lru: 8 }, size: 32, wordSize: 8, littleEndian: true } as unknown as PageLayout;
    const pages = new Uint8Array(4 * 32).fill(1);
    const classes = new Uint8Array(4).fill(16);
    const known = sharedBitmap(16);
    setBits(known, 9, 11);
    createDeviceCheck(layout, [], known)({ firstPfn: 8, from: 0, to: 4, pages, classes, address: 0n });
    expect([...classes]).toEqual([12, 16, 16, 12]);
  });

  test("what lacks the kernel's own image is no direct map", () => {
    const linear = [
      { startPfn: 8, endPfn: 12 },
      { startPfn: 40, endPfn: 41 },
    ];
    expect([[8, 40], [11], [], [12], [7, 8], [40, 41]].map((pfns) => coversPages(linear, pfns))).toEqual([
      ...[true, true, true, false, false, false],
    ]);
  });

  test("memory that the kernel's direct map and image lack was never the kernel's: it goes", () => {
    const layout = { offset: {}, size: 32, wordSize: 8, littleEndian: true } as unknown as PageLayout;
    const linear = linearMemory(
      [
        { vpn: 1008, pfn: 8, pages: 4 },
        { vpn: 5012, pfn: 12, pages: 1 },
        { vpn: 1002, pfn: 2, pages: 2 },
        // A driver's vmalloc area over memory that was kept from the kernel.
        { vpn: 7005, pfn: 6, pages: 2 },
      ],
      new Set([1000, 5000]),
    );
    expect(linear).toEqual([
      { startPfn: 2, endPfn: 4 },
      { startPfn: 8, endPfn: 13 },
    ]);
    const classes = new Uint8Array(8).fill(16);
    classes[2] = 17;
    const address = 0xffff_ea00_0000_0000n;
    const batch = { firstPfn: 1, from: 0, to: 8, pages: new Uint8Array(8 * 32), classes, address };
    createDeviceCheck(layout, linear)(batch);
    expect([...classes]).toEqual([12, 16, 17, 12, 12, 12, 12, 16]);
    classes.fill(16);
    createDeviceCheck(layout, [])({ ...batch, from: 3 });
    expect([...classes]).toEqual([16, 16, 16, 12, 12, 12, 12, 12]);
  });

  test("without the offset of the list nothing is taken away, and remains says so", async () => {
    const kernel = privateKernel({ vmcoreinfo: { remove: ["OFFSET(page.lru)"] } });
    const { result } = await kept(kernel);
    expect(result.classes.device).toBe(LOW);
    expect(result.privacy?.remains.join()).toMatch(/persistent memory/);
  });
});

describe("memory reserved at boot for others", () => {
  const TYPES = {
    reserve_mem_table: [0, 32],
    "reserve_mem_table.start": [16, 8],
    "reserve_mem_table.size": [24, 8],
  } as const;
  const dump = { pageSize: 4096, maxMapnr: 32 } as unknown as Dump;

  const FILE = { "bin_attribute.size": [16, 8], "bin_attribute.private": [24, 8] } as const;
  const ranges = (one: ReturnType<typeof machine>) => reservedRanges(dump, space, one.kernel);
  const KEPT = /initramfs that was not freed/;

  test("an initramfs that was not freed, with all its pages, and regions reserved by name, without shared ones", () => {
    const symbols = { init_task: 0x80, bin_attr_initrd: 0x100, initrd_start: 0x140, reserved_mem_table: 0x200 };
    const one = machine(symbols, { ...TYPES, ...FILE });
    const { point, word } = one;
    point(0x118, 0x4000);
    word(0x110, 0x3800n);
    word(0x210, 0x9100n);
    word(0x218, 0x2800n);
    // More than there is.
    word(0x230, 0xa000n);
    word(0x238, 1n << 40n);
    expect(ranges(one)).toEqual({
      ranges: [
        { startPfn: 4, endPfn: 8 },
        { startPfn: 10, endPfn: 11 },
      ],
      gaps: [],
    });
    // Freed: nobody wrote to the variable.
    word(0x118, 0n);
    word(0x110, 0n);
    word(0x218, 0n);
    expect(ranges(one)).toEqual({ ranges: [], gaps: [] });
  });

  test.each([
    ["an array (until 6.12)", false],
    ["a pointer to one", true],
  ])("memory that a device tree reserves, in %s", (_, pointer) => {
    const tree = {
      reserved_mem: [0, 48],
      "reserved_mem.name": [0, 8],
      "reserved_mem.base": [32, 8],
      "reserved_mem.size": [40, 8],
    } as const;
    const symbols = { init_task: 0x80, reserved_mem: pointer ? 0x300 : 0x400, reserved_mem_count: 0x308 };
    const one = machine(symbols, { ...TYPES, ...tree });
    if (pointer) one.point(0x300, 0x400);
    one.view.setUint32(0x308, 2, true);
    for (const [i, base] of [0x8000, 0xc000].entries()) {
      one.point(0x400 + 48 * i, 0x600);
      one.word(0x420 + 48 * i, BigInt(base));
      one.word(0x428 + 48 * i, 0x2000n);
    }
    Buffer.from(one.view.buffer).write("ramoops@8000", 0x600, "latin1");
    const found = [
      { startPfn: 8, endPfn: 10 },
      { startPfn: 12, endPfn: 14 },
    ];
    expect(ranges(one)).toEqual({ ranges: found, gaps: [] });
    const nowhere = machine({ init_task: 0x80 }, { ...TYPES, ...tree });
    expect(ranges(nowhere).gaps).toEqual([expect.stringMatching(/device tree/)]);
  });

  test("a PC's first megabyte, but for pages that were given out; of other machines nothing", () => {
    const pc = { maxMapnr: 1024, pageSize: 4096, machine: { arch: "x86_64" } } as unknown as Dump;
    expect(lowMemory(pc, (pfn) => pfn !== 100)).toEqual([
      { startPfn: 0, endPfn: 100 },
      { startPfn: 101, endPfn: 256 },
    ]);
    expect(lowMemory({ ...pc, machine: { arch: "arm64" } } as unknown as Dump, () => true)).toEqual([]);
  });

  const POOL = { "io_tlb_mem.start": [0, 8], "io_tlb_mem.end": [8, 8], "io_tlb_mem.nslabs": [16, 8] } as const;
  const LATER = {
    "io_tlb_mem.defpool.start": [0, 8],
    "io_tlb_mem.defpool.end": [8, 8],
    "io_tlb_mem.defpool.nslabs": [16, 8],
  } as const;
  const BOUNCED = { init_task: 0x80, swiotlb_tbl_map_single: 0x90 };
  const NOWHERE = [expect.stringMatching(/bounce buffers/)];

  test.each([
    ["variables (until 5.12)", { io_tlb_start: 0x300, io_tlb_end: 0x308 }, {}],
    ["a pointer to a struct (5.13)", { io_tlb_default_mem: 0x320 }, POOL],
    ["a struct (5.14 and later)", { io_tlb_default_mem: 0x300 }, POOL],
    ["a struct with a pool (6.6 and later)", { io_tlb_default_mem: 0x300 }, LATER],
  ] as const)("bounce buffers of devices, in %s", (_, symbols, types) => {
    const one = machine({ ...BOUNCED, ...symbols }, { ...TYPES, ...types });
    one.word(0x300, 0x8000n);
    one.word(0x308, 0xc000n);
    one.word(0x310, 8n);
    one.point(0x320, 0x300);
    expect(ranges(one)).toEqual({ ranges: [{ startPfn: 8, endPfn: 12 }], gaps: [] });
    for (const at of [0x300, 0x308, 0x320]) one.word(at, 0n);
    expect(ranges(one)).toEqual({ ranges: [], gaps: [] });
    expect(ranges(machine(BOUNCED, TYPES)).gaps).toEqual(NOWHERE);
  });

  test.each([
    ["5.14 and later", POOL],
    ["6.6 and later", LATER],
  ])("bounce buffers where the kernel's addresses begin at 0 (s390x), %s: their place is no pointer", (_, types) => {
    const one = machine({ ...BOUNCED, io_tlb_default_mem: 0x300 }, { ...TYPES, ...types });
    one.word(0x300, 0x8000n);
    one.word(0x308, 0xc000n);
    one.word(0x310, 8n);
    const { memory } = one.kernel;
    const virtual = (at: bigint) => (at < BASE ? at + BASE : at);
    const zeroBased = {
      ...memory,
      isKernelAddress: () => true,
      readView: (at: bigint, length: number) => memory.readView(virtual(at), length),
      readWord: (at: bigint) => memory.readWord(virtual(at)),
    };
    const kernel = { ...one.kernel, memory: zeroBased } as unknown as typeof one.kernel;
    expect(reservedRanges(dump, space, kernel)).toEqual({ ranges: [{ startPfn: 8, endPfn: 12 }], gaps: [] });
    // Neither place has as many slots as it says: that is a gap, and no range.
    one.word(0x310, 7n);
    expect(reservedRanges(dump, space, kernel)).toEqual({ ranges: [], gaps: NOWHERE });
  });

  test("bounce buffers of a kernel that lacks the member with their end, or how many they are, are a gap", () => {
    const { "io_tlb_mem.end": _, ...types } = POOL;
    const one = machine({ ...BOUNCED, io_tlb_default_mem: 0x300 }, { ...TYPES, ...types });
    one.word(0x300, 0x8000n);
    expect(ranges(one)).toEqual({ ranges: [], gaps: NOWHERE });
  });

  test("Xen's bounce buffers (until 5.12), beside the others, are named by pointers", () => {
    const xen = { xen_io_tlb_start: 0x300, xen_io_tlb_end: 0x308 };
    const one = machine({ ...BOUNCED, ...xen, io_tlb_start: 0x310, io_tlb_end: 0x318 }, TYPES);
    one.point(0x300, 0x8000);
    one.point(0x308, 0xc000);
    expect(ranges(one)).toEqual({ ranges: [{ startPfn: 8, endPfn: 12 }], gaps: [] });
    one.word(0x310, 0x10000n);
    one.word(0x318, 0x11000n);
    expect(ranges(one).ranges).toContainEqual({ startPfn: 16, endPfn: 17 });
    one.word(0x300, 0xffff_c900_0000_0000n);
    one.word(0x308, 0xffff_c900_0000_4000n);
    expect(ranges(one).gaps).toEqual(NOWHERE);
  });

  test("physical addresses of 8 bytes on a machine of 32 bits (PAE, LPAE)", () => {
    const one = machine({ ...BOUNCED, io_tlb_start: 0x300, io_tlb_end: 0x308 }, { ...TYPES, "resource.start": [0, 8] });
    one.word(0x300, 0x8000n);
    one.word(0x308, 0x1_0000_0000n);
    const kernel = { ...one.kernel, memory: { ...one.kernel.memory, wordSize: 4 } } as unknown as typeof one.kernel;
    const large = { ...dump, maxMapnr: 1 << 21 } as unknown as Dump;
    expect(reservedRanges(large, space, kernel).ranges).toEqual([{ startPfn: 8, endPfn: 1 << 20 }]);
  });

  test("memory that an earlier kernel handed over is said, if it was asked for", () => {
    const one = machine({ init_task: 0x80, kho_enable: 0x90 }, TYPES);
    expect(ranges(one).gaps).toEqual([]);
    one.view.setUint8(0x90, 1);
    expect(ranges(one).gaps).toEqual([expect.stringMatching(/KHO/)]);
  });

  test("what cannot be found is said, where it is possible", () => {
    const older = machine({ init_task: 0x80, initrd_start: 0x140 }, TYPES);
    expect(ranges(older)).toEqual({ ranges: [], gaps: [expect.stringMatching(KEPT)] });
    const untyped = machine({ init_task: 0x80, bin_attr_initrd: 0x100, reserved_mem_table: 0x200 }, {});
    expect(ranges(untyped).gaps).toEqual([expect.stringMatching(KEPT), expect.stringMatching(/reserve_mem=/)]);
    const neither = machine({ init_task: 0x80 }, TYPES);
    expect(ranges(neither)).toEqual({ ranges: [], gaps: [] });
    const functions = machine({}, TYPES);
    for (const gaps of [ranges(functions).gaps, reservedRanges(dump, space, undefined).gaps])
      expect(gaps).toEqual([expect.stringMatching(/reserve_mem=, and an initramfs that was not freed/)]);
  });
});

describe("the crash kernel's memory", () => {
  /** A kernel with a resource of a name in its image: the name's text, and start, end, name and flags behind it. */
  function withResource(name: string, start: bigint, end: bigint, flags = 0x8100_0200n): Kernel {
    const kernel = privateKernel();
    const at = 0x3800;
    kernel.memory.write(kernel.imagePhysical + at, Buffer.from(`\0${name}\0`, "latin1"));
    const words = [start, end, kernel.imageVirtual + BigInt(at + 1), flags];
    kernel.memory.write(kernel.imagePhysical + 0x3c00, new Uint8Array(new BigUint64Array(words).buffer));
    return kernel;
  }
  const from = 2048 * 4096;
  const range = run(2048, 512);

  test("goes, found by the name of its resource in the kernel's image", async () => {
    const { pfns, result } = await kept(withResource("Crash kernel", BigInt(from), BigInt(from + 512 * 4096 - 1)));
    expect(range.filter((pfn) => pfns.has(pfn))).toEqual([]);
    expect([pfns.has(2047), pfns.has(2560)]).toEqual([true, true]);
    expect(result.classes["crash-kernel"]).toBe(512);
    expect(result.privacy?.remains.join()).not.toMatch(/crash kernel/);
  });

  test.each([
    ["another resource", "Crash kernels", BigInt(from), BigInt(from + 0x1fffff), undefined],
    ["nothing reserved", "Crash kernel", 0n, 0n, undefined],
    ["a last byte before the first", "Crash kernel", BigInt(from), BigInt(from - 4097), undefined],
    ["no page's border", "Crash kernel", BigInt(from), BigInt(from + 12345), undefined],
    ["beyond the memory", "Crash kernel", BigInt(from), 0xffff_ffff_ffffn, undefined],
    ["not the flags of memory", "Crash kernel", BigInt(from), BigInt(from + 0x1fffff), 0x100n],
  ] as const)("%s: nothing goes", async (_, name, start, end, flags) => {
    const { pfns, result } = await kept(withResource(name, start, end, flags));
    expect(range.filter((pfn) => !pfns.has(pfn))).toEqual([]);
    expect(result.classes["crash-kernel"]).toBe(0);
  });
});
