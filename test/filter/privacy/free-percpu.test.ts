/** Free areas of per-CPU memory, on all CPUs; none where the allocator's lists are not told. */
import { expect, test } from "vitest";
import { freePercpu } from "../../../src/filter/privacy/free-percpu.js";
import { SearchSteps } from "../../../src/filter/privacy/search-steps.js";
import { watchedKernel } from "../../../src/filter/privacy/watched-kernel.js";
import { BASE, machine, piecesOf, space } from "../../support/fake-machine.js";

const TYPES = {
  "pcpu_chunk.list": [0, 16],
  "pcpu_chunk.base_addr": [16, 8],
  "pcpu_chunk.alloc_map": [24, 8],
  "pcpu_chunk.nr_pages": [32, 4],
  // All chunks have their first page.
  "pcpu_chunk.populated": [40, 0],
} as const;

function guest(more: Readonly<Record<string, readonly [number, number]>> = {}, further = {}) {
  const symbols = { init_task: 0, __per_cpu_offset: 0x200, __cpu_possible_mask: 0x210, nr_cpu_ids: 0x218 };
  const lists = { pcpu_chunk_lists: 0x220, pcpu_nr_slots: 0x228, pcpu_unit_offsets: 0x230, ...further };
  const one = machine({ ...symbols, ...lists }, { ...TYPES, ...more });
  const { point, view, word } = one;
  word(0x210, 3n);
  view.setUint32(0x218, 2, true);
  point(0x220, 0x300);
  view.setUint32(0x228, 2, true);
  point(0x230, 0x400);
  word(0x408, 0x4000n);
  // An empty list, and one with a chunk of one page.
  point(0x300, 0x300);
  point(0x310, 0x1000);
  point(0x1000, 0x310);
  point(0x1010, 0x8000);
  point(0x1018, 0x2000);
  view.setUint32(0x1020, 1, true);
  word(0x1028, 1n);
  new Uint8Array(view.buffer, 0x2000, 128).fill(0xff);
  // 64 bytes, of which 8 are in use; 8 bytes alone; the last 32.
  word(0x2008, 0xffff_ffff_ffff_0c00n);
  word(0x2010, 0xffff_ffff_ffff_fffcn);
  view.setUint8(0x207f, 0);
  return one;
}

test("areas of 16 bytes and more, of all CPUs", () => {
  const found = freePercpu(space, guest().kernel);
  const areas = [
    [0x8100, 0x8128],
    [0x8130, 0x8140],
    [0x8fe0, 0x9000],
  ];
  expect(found && piecesOf(found.list)).toEqual([...areas, ...areas.map((area) => area.map((at) => at + 0x4000))]);
  expect(found?.objects).toBe(3);
});

test("pages that are not there yet are passed over", () => {
  const holes = { translate: (at: bigint) => (at < BASE + 0xc000n ? undefined : space.translate(at)) };
  expect(piecesOf(freePercpu(holes, guest().kernel)?.list as never)).toHaveLength(3);
  expect(freePercpu(space, machine({ init_task: 0 }, TYPES).kernel)).toBeUndefined();
});

test("where there is too much, what was found stays, and it says that there is more", () => {
  expect(watchedAreas(guest().kernel)).toEqual({ objects: 3, cut: false });
  // Two steps for the bitmap.
  const watched = watchedKernel(guest().kernel);
  const found = freePercpu(space, watched.kernel, new SearchSteps(4));
  expect({ objects: found?.objects, cut: watched.cut }).toEqual({ objects: 1, cut: true });
  expect(found && piecesOf(found.list)).toEqual([
    [0x8100, 0x8128],
    [0xc100, 0xc128],
  ]);
});

test("pages that a chunk has not got take no steps", () => {
  const one = guest();
  // Of 1024 pages one is there, and their bitmap says nothing of what is in use.
  one.view.setUint32(0x1020, 16, true);
  one.word(0x1028, 1n);
  const watched = watchedKernel(one.kernel);
  const found = freePercpu(space, watched.kernel, new SearchSteps(40));
  expect(found && piecesOf(found.list)).toHaveLength(6);
  expect(watched.cut).toBe(false);
  one.word(0x1028, 0n);
  expect(freePercpu(space, one.kernel)?.objects).toBe(0);
});

/** What is found, and whether that is all. */
function watchedAreas(kernel: ReturnType<typeof guest>["kernel"]) {
  const watched = watchedKernel(kernel);
  const objects = freePercpu(space, watched.kernel)?.objects;
  return { objects, cut: watched.cut };
}

/** A chunk of one page with no areas in use but the first word's. */
function addChunk({ point, view, word }: ReturnType<typeof guest>, chunk: number, base: number) {
  point(chunk + 0x10, base);
  point(chunk + 0x18, 0x2100);
  view.setUint32(chunk + 0x20, 1, true);
  word(chunk + 0x28, 1n);
  new Uint8Array(view.buffer, 0x2100, 128).fill(0xff);
  word(0x2100, 0n);
}

test.each([
  ["5.9 to 5.13 with groups: their lists are behind the others", { "#PCPU_CHUNK_MEMCG": [1, 0] }, true],
  ["other kernels have no further lists", {}, false],
] as const)("%s", (_, types, isCharged) => {
  const one = guest(types);
  one.point(0x320, 0x320);
  one.point(0x330, 0x3000);
  one.point(0x3000, 0x330);
  addChunk(one, 0x3000, 0xa000);
  const found = freePercpu(space, one.kernel);
  expect(found?.objects).toBe(isCharged ? 4 : 3);
  expect(found && piecesOf(found.list).some(([from]) => from === 0xa000)).toBe(isCharged);
});

test("the chunk that is kept for modules is in no list", () => {
  const one = guest({}, { pcpu_reserved_chunk: 0x238 });
  expect(freePercpu(space, one.kernel)?.objects).toBe(3);
  one.point(0x238, 0x3000);
  addChunk(one, 0x3000, 0xa000);
  const found = freePercpu(space, one.kernel);
  expect(found?.objects).toBe(4);
  expect(found && piecesOf(found.list)).toContainEqual([0xa000, 0xa100]);
});

test("a list that leads to memory that the dump lacks is said, with what others have", () => {
  const one = guest();
  one.word(0x300, BASE + 0x90_0000n);
  expect(watchedAreas(one.kernel)).toEqual({ objects: 3, cut: true });
  const broken = guest();
  broken.word(0x1018, 0n);
  expect(watchedAreas(broken.kernel)).toEqual({ objects: 0, cut: true });
});
