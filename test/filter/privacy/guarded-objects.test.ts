/** KFENCE's pool: objects in use are found there, all else is overwritten. */
import { expect, test } from "vitest";
import { guardedObjects } from "../../../src/kernel/objects/guarded-objects.js";
import { BASE, machine, space } from "../../support/fake-machine.js";

const TYPES = {
  kfence_metadata: [0, 64],
  "kfence_metadata.state": [0, 4],
  "kfence_metadata.addr": [8, 8],
  "kfence_metadata.size": [16, 8],
} as const;
const DUMP = { pageSize: 4096, maxMapnr: 32 };
const POOL = 0x8000;
const METADATA = 0x1000;

function guest(pointer: boolean, symbols = {}) {
  const kfence = { __kfence_pool: 0x80, kfence_metadata: pointer ? 0x88 : METADATA };
  const one = machine({ ...kfence, ...symbols }, TYPES);
  one.point(0x80, POOL);
  if (pointer) one.point(0x88, METADATA);
  // At the end of its page, in use; freed; never used. The first has an odd size, so that bytes lie behind it.
  [
    [1, POOL + 0x3000 - 104, 100],
    [3, POOL + 0x4000, 64],
    [0, POOL + 0x6000, 0],
  ].forEach(([state = 0, address = 0, size = 0], i) => {
    one.view.setUint32(METADATA + 64 * i, state, true);
    one.point(METADATA + 64 * i + 8, address);
    one.word(METADATA + 64 * i + 16, BigInt(size));
  });
  return one;
}

test.each([
  ["6.5 and later", true],
  ["5.12 to 6.4", false],
])("%s: objects in use, of as many as there are", (_, pointer) => {
  expect(guardedObjects(space, guest(pointer).kernel, DUMP)).toEqual({
    ...{ startPfn: 8, endPfn: 16, freed: 1 },
    used: new Map([[10, { start: POOL + 0x3000 - 104, length: 100 }]]),
  });
});

test("its pages are not mapped while nobody has an object there: the others say where the pool is", () => {
  const holes = {
    translate: (vaddr: bigint) =>
      vaddr < BASE + 0xc000n && vaddr >= BASE + 0x8000n ? undefined : space.translate(vaddr),
  };
  expect(guardedObjects(holes, guest(true).kernel, DUMP)).toMatchObject({ startPfn: 8, endPfn: 16 });
});

test("a kernel without it, one where it is off, and one that does not say", () => {
  expect(guardedObjects(space, machine({}, {}).kernel, DUMP)).toBe("none");
  const off = guest(true);
  off.word(0x80, 0n);
  expect(guardedObjects(space, off.kernel, DUMP)).toBe("none");
  expect(guardedObjects(space, machine({}, TYPES).kernel, DUMP)).toBeUndefined();
});

test.each([
  ["before memory begins", -0x1000, 32],
  ["not at a page's begin", POOL + 8, 32],
  ["beyond the memory's end", POOL, 15],
])("a pool that is %s is none", (_, paddr, maxMapnr) => {
  const moved = (vaddr: bigint) => ({ paddr: Number(vaddr - BASE) - POOL + paddr, length: 4096 });
  const at = (translate: typeof moved) => ({ translate });
  expect(guardedObjects(at(moved), guest(true).kernel, { ...DUMP, maxMapnr })).toBeUndefined();
  expect(guardedObjects(space, guest(true).kernel, { ...DUMP, maxMapnr: 16 })).toMatchObject({ endPfn: 16 });
});
