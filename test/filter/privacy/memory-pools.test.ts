/** Objects that pools have in reserve: nobody wrote to them, or others did before. */
import { expect, test } from "vitest";
import { poolReader, reservedObjects } from "../../../src/filter/privacy/memory-pools.js";
import { SearchSteps } from "../../../src/filter/privacy/search-steps.js";
import { allocatedInSlab } from "../../../src/filter/privacy/socket-buffers.js";
import type { Slab } from "../../../src/kernel/objects/slab-walk.js";
import { BASE, machine, space, withAddresses } from "../../support/fake-machine.js";

const TYPES = {
  mempool: [0, 72],
  "mempool.min_nr": [4, 4],
  "mempool.curr_nr": [8, 4],
  "mempool.elements": [16, 8],
  "mempool.pool_data": [24, 8],
  "mempool.alloc": [32, 8],
  "mempool.free": [40, 8],
  "kmem_cache.object_size": [8, 4],
} as const;
const FUNCTIONS = {
  ...{ mempool_alloc_slab: 0x80, mempool_free_slab: 0x90, mempool_kmalloc: 0xa0, mempool_kfree: 0xb0 },
};
const NO_NAMES = { endingIn: () => [], addresses: () => [] };
const at = (address: number) => BASE + BigInt(address);

/** A machine with a pool at 0x1100, which has two objects of a cache, and a pool of 64 bytes each at 0x1200, with one. */
function pools() {
  const guest = machine(FUNCTIONS, TYPES);
  const { point, view, word } = guest;
  const pool = (place: number, [count, most]: readonly [number, number], elements: number, first: number) => {
    view.setUint32(place + 4, most, true);
    view.setUint32(place + 8, count, true);
    point(place + 16, elements);
    point(place + 32, first);
    point(place + 40, first + 0x10);
  };
  pool(0x1100, [2, 4], 0x2000, 0x80);
  point(0x1118, 0x3000);
  view.setUint32(0x3008, 4096, true);
  for (const [i, one] of [0x4000, 0x6000, 0x7000].entries()) point(0x2000 + 8 * i, one);
  pool(0x1200, [1, 1], 0x2100, 0xa0);
  word(0x1218, 64n);
  point(0x2100, 0x8000);
  return guest;
}

function found(guest: ReturnType<typeof pools>, isUsed?: (place: number) => boolean): number[][] {
  const pieces: number[][] = [];
  const kernel = { ...guest.kernel, symbols: { ...guest.kernel.symbols, ...NO_NAMES } };
  const read = poolReader(kernel)?.poolsIn(new DataView(guest.view.buffer, 0x1000, 0x1000), isUsed);
  reservedObjects(space, kernel, read ?? [], (start, length) => pieces.push([start, length]));
  return pieces;
}

test("objects of caches and of kmalloc; only as many as a pool has", () => {
  expect(found(pools())).toEqual([
    [0x4000, 4096],
    [0x6000, 4096],
    [0x8000, 64],
  ]);
});

test("what only looks like a pool is none: a freed object, another function beside it, more objects than it may have", () => {
  expect(found(pools(), (place) => place !== 0x100)).toEqual([[0x8000, 64]]);
  const other = pools();
  other.point(0x1128, 0x95);
  other.view.setUint32(0x1208, 2, true);
  expect(found(other)).toEqual([]);
});

test("sets of block requests in the kernel's own variables", () => {
  const guest = pools();
  const types = { ...TYPES, "bio_set.bio_pool": [0x80, 72], "bio_set.bvec_pool": [0x100, 72] } as const;
  const { kernel } = machine({}, types);
  const symbols = {
    ...withAddresses(kernel, {}).symbols,
    address: (name: string) => (name in FUNCTIONS ? at(FUNCTIONS[name as keyof typeof FUNCTIONS]) : undefined),
    endingIn: (texts: readonly string[]) => (texts.includes("bio_set") ? [at(0x1000)] : []),
  };
  const ofKernel = (names: object) =>
    poolReader({ memory: guest.kernel.memory, types: kernel.types, symbols: { ...symbols, ...names } });
  const pool = { elements: at(0x2000), count: 2, size: 4096 };
  expect(ofKernel({})).toMatchObject({ ofVariables: [pool], missing: [] });
  // One whose name does not say that it is a set; and where names are of functions only.
  const addresses = (name: string) => (name === "blkdev_dio_pool" ? [at(0x1000)] : []);
  expect(ofKernel({ ...NO_NAMES, addresses })).toMatchObject({ ofVariables: [pool], missing: [] });
  const lost = "objects that pools in variables of the kernel have in reserve: the dump does not say where they are";
  expect(ofKernel(NO_NAMES)).toMatchObject({ ofVariables: [], missing: [lost] });
  // A kernel without disks, which lists its variables.
  const address = (name: string) => (name === "init_task" ? at(0) : symbols.address(name));
  expect(ofKernel({ ...NO_NAMES, address })).toMatchObject({ ofVariables: [], missing: [] });
  expect(poolReader({ ...guest.kernel, symbols: withAddresses(kernel, {}).symbols })).toBeUndefined();
});

test("pools have one bound in all, and a table that several name counts once; what is passed over is said", () => {
  const { kernel, point } = pools();
  const pool = { elements: at(0x2000), count: 2, size: 4096 };
  const small = { elements: at(0x2100), count: 1, size: 64 };
  const reserved = (all: object[], steps?: SearchSteps) => {
    let calls = 0;
    const done = reservedObjects(space, kernel, all as (typeof pool)[], () => calls++, steps);
    return [done, calls];
  };
  expect(reserved([...Array(1000).fill(pool), small], new SearchSteps(3))).toEqual([true, 3]);
  expect(reserved([pool, small], new SearchSteps(2))).toEqual([false, 2]);
  // A pointer that leads nowhere.
  point(0x2008, 1 << 30);
  expect(reserved([pool, small])).toEqual([false, 2]);
});

test("pools of more objects than any has, or of larger ones, are passed over and that is said", () => {
  const passedOver = (change: (guest: ReturnType<typeof pools>) => void) => {
    const guest = pools();
    change(guest);
    let count = 0;
    const kernel = { ...guest.kernel, symbols: { ...guest.kernel.symbols, ...NO_NAMES } };
    const read = poolReader(kernel, () => count++)?.poolsIn(new DataView(guest.view.buffer, 0x1000, 0x1000));
    return [count, read?.length];
  };
  expect(passedOver(() => {})).toEqual([0, 2]);
  expect(passedOver(({ view }) => view.setUint32(0x1204, 1 << 20, true))).toEqual([1, 1]);
  expect(passedOver(({ word }) => word(0x1218, 1n << 30n))).toEqual([1, 1]);
});

test("what a pool names is believed only where an object in use begins that is as large", () => {
  const slab = (free: Uint8Array | undefined) =>
    ({ cache: { stride: 0x80, objectSize: 0x60 }, start: 0x1000, count: 3, free }) as unknown as Slab;
  const pieces = [
    { start: 0xf80, length: 0x60 },
    { start: 0x1000, length: 0x60 },
    { start: 0x1010, length: 0x10 },
    { start: 0x1080, length: 0x60 },
    { start: 0x1100, length: 0x61 },
    { start: 0x1180, length: 0x60 },
  ];
  expect(allocatedInSlab(slab(Uint8Array.of(0, 1, 0)), pieces)).toEqual([{ start: 0x1000, length: 0x60 }]);
  expect(allocatedInSlab(slab(undefined), pieces)).toEqual([]);
});
