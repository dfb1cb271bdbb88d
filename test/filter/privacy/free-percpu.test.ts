/** Free areas of per-CPU memory, on all CPUs; none where the allocator's lists are not told. */
import { expect, test } from "vitest";
import { freePercpu } from "../../../src/filter/privacy/free-percpu.js";
import { SearchSteps } from "../../../src/filter/privacy/search-steps.js";
import { BASE, machine, piecesOf, space } from "../../support/fake-machine.js";

const TYPES = {
  "pcpu_chunk.list": [0, 16],
  "pcpu_chunk.base_addr": [16, 8],
  "pcpu_chunk.alloc_map": [24, 8],
  "pcpu_chunk.nr_pages": [32, 4],
} as const;

function guest() {
  const symbols = { init_task: 0, __per_cpu_offset: 0x200, __cpu_possible_mask: 0x210, nr_cpu_ids: 0x218 };
  const one = machine({ ...symbols, pcpu_chunk_lists: 0x220, pcpu_nr_slots: 0x228, pcpu_unit_offsets: 0x230 }, TYPES);
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

test("pages that are not there yet are passed over, and the walk ends where there is too much", () => {
  const holes = { translate: (at: bigint) => (at < BASE + 0xc000n ? undefined : space.translate(at)) };
  expect(piecesOf(freePercpu(holes, guest().kernel)?.list as never)).toHaveLength(3);
  expect(freePercpu(space, guest().kernel, new SearchSteps(3))).toBeUndefined();
  expect(freePercpu(space, machine({ init_task: 0 }, TYPES).kernel)).toBeUndefined();
});
