/** The parts by which --privacy finds the kernel's memory: areas, the direct map, modules without symbols, notes. */
import { expect, test } from "vitest";
import { areaAt, directMapDistance, extentsWithin, mappedAreas } from "../../../src/filter/privacy/areas.js";
import { withoutPrivateNotes } from "../../../src/filter/privacy/private-notes.js";
import { moduleAreas } from "../../../src/filter/privacy/struct-modules.js";
import type { KernelMemory } from "../../../src/kernel/kernel-memory.js";
import { memMapOf } from "../../../src/kernel/page/mem-map.js";
import type { Note } from "../../../src/reader/notes.js";

const memMap = memMapOf("flatmem", [{ startPfn: 0, endPfn: 0x8000, address: 0xffff_ea00_0000_0000n }], 64);

test("the direct map is what maps most memory, not a device's larger registers", () => {
  const extents = [
    { vpn: 0x100_0000, pfn: 0, pages: 0x6000 },
    { vpn: 0x200_0000, pfn: 0xb_0000, pages: 0x1_0000 },
  ];
  expect(directMapDistance(extents, memMap, 0x8000)).toBe(0x100_0000);
});

test("where no table has the direct map, the largest vmalloc area is not taken for it", () => {
  const extents = [
    { vpn: 0x100, pfn: 0x10, pages: 64 },
    { vpn: 0x200, pfn: 0x300, pages: 2 },
  ];
  expect(directMapDistance(extents, memMap, 0x8000)).toBeUndefined();
});

test("unmapped pages separate areas; linear memory is in none", () => {
  const extents = [
    { vpn: 10, pfn: 5, pages: 2 },
    { vpn: 12, pfn: 100, pages: 1 },
    { vpn: 14, pfn: 7, pages: 1 },
    { vpn: 1007, pfn: 7, pages: 1 },
    { vpn: 1008, pfn: 3, pages: 1 },
  ];
  const areas = mappedAreas(extents, new Set([1000]), (vpn) => BigInt(vpn) * 4096n);
  expect(areas.map(({ vaddr, pfns }) => [Number(vaddr) / 4096, pfns])).toEqual([
    [10, [5, 6, 100]],
    [14, [7]],
    [1008, [3]],
  ]);
  expect(areaAt(areas, 12n * 4096n + 5n, 4096)).toBe(areas[0]);
  expect(areaAt(areas, 13n * 4096n, 4096)).toBeUndefined();
  expect(areaAt(areas, 9n * 4096n, 4096)).toBeUndefined();
});

/** Virtual memory of pages by number, little endian. */
function memoryOf(pages: ReadonlyMap<number, DataView>): KernelMemory {
  const readView = (vaddr: bigint, length: number) => {
    const page = pages.get(Number(vaddr / 4096n));
    const at = Number(vaddr % 4096n);
    return page === undefined || at + length > 4096 ? undefined : new DataView(page.buffer, at, length);
  };
  return {
    info: undefined as never,
    wordSize: 8,
    littleEndian: true,
    pageSize: 4096,
    isKernelAddress: (vaddr) => vaddr >= 4096n,
    readView,
    readWord: (vaddr) => readView(vaddr, 8)?.getBigUint64(0, true),
  };
}

test("modules are found by their list, and lead to the areas that they point to", () => {
  const pages = new Map([1, 10, 20, 30, 40, 50].map((n) => [n, new DataView(new ArrayBuffer(4096))]));
  const put = (at: number, value: number) =>
    pages.get(Math.floor(at / 4096))?.setBigUint64(at % 4096, BigInt(value), true);
  const name = (at: number, text: string) =>
    [...text].forEach((char, i) => {
      pages.get(Math.floor(at / 4096))?.setUint8((at % 4096) + i, char.charCodeAt(0));
    });
  // The list's head is in the image (page 1); two modules, in areas 10 and 20; the second has its text in area 30.
  const head = 4096 + 64;
  const [first, second] = [10 * 4096 + 256, 20 * 4096 + 512];
  const lists = [head, first + 8, second + 8];
  lists.forEach((list, i) => {
    put(list, lists[(i + 1) % 3] as number);
    put(list + 8, lists[(i + 2) % 3] as number);
  });
  name(first + 24, "virtio_net");
  name(second + 24, "ext4");
  put(second + 400, 30 * 4096);
  put(second + 408, 40 * 4096 + 8); // into an area, but to no page's start
  // Looks like one, but its neighbours do not know it.
  name(50 * 4096 + 24, "not_a_module");
  put(50 * 4096 + 8, first + 8);
  put(50 * 4096 + 16, second + 8);
  const areas = [10, 20, 30, 40, 50].map((n) => ({ vaddr: BigInt(n * 4096), pfns: [n] }));
  const found = moduleAreas(
    memoryOf(pages),
    [...areas].reverse().sort((a, b) => Number(a.vaddr - b.vaddr)),
    (pfn) => pages.get(pfn),
  );
  expect(found.modules).toBe(2);
  expect([...found.areas].map(({ pfns }) => pfns[0])).toEqual([10, 20, 30]);
  const alone = moduleAreas(memoryOf(pages), areas.slice(4), (pfn) => pages.get(pfn));
  expect(alone).toMatchObject({ modules: 0, cut: false });
});

test("notes of vector registers and device dumps are cleared, others are not touched", () => {
  const noteArea = new Uint8Array(64).fill(7);
  const note = (name: string, type: number, descOffset: number): Note => {
    return { name, type, descOffset, desc: noteArea.subarray(descOffset, descOffset + 8) };
  };
  const notes = [note("CORE", 1, 0), note("CORE", 2, 8), note("LINUX", 0x405, 16), note("LINUX", 0x700, 24)];
  const { noteArea: area, cleared } = withoutPrivateNotes({ noteArea, notes: [...notes, note("VMCOREINFO", 0, 32)] });
  expect(cleared).toBe(3);
  expect([...area]).toEqual([...new Array(8).fill(7), ...new Array(24).fill(0), ...new Array(32).fill(7)]);
  expect(noteArea[8]).toBe(7);
});

test("an entry that maps terabytes, or memory that is mapped again and again, gives no more pages than the dump has twice", () => {
  const linear = new Set([1000]);
  const direct = { vpn: 1100, pfn: 100, pages: 2 ** 40 };
  const device = { vpn: 5, pfn: 288, pages: 4 };
  const area = { vpn: 20, pfn: 7, pages: 3 };
  const huge = { vpn: 2 ** 26, pfn: 8, pages: 2 ** 26 };
  expect(extentsWithin([device, area, direct, huge], linear, 288)).toEqual({
    extents: [area, direct, { ...huge, pages: 280 }],
    cut: false,
  });
  const many = Array.from({ length: 1000 }, (_, i) => ({ vpn: 2000 * i, pfn: 0, pages: 1000 }));
  const { extents, cut } = extentsWithin(many, linear, 1000);
  expect(cut).toBe(true);
  expect(extents.reduce((sum, { pages }) => sum + pages, 0)).toBeLessThanOrEqual(2000 + 2 ** 16);
});
