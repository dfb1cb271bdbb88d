/** Sheaves: free objects of which no list knows, those of CPUs and of nodes, and every kind of damage. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { AddressSpace } from "../../../src/kernel/address-space.js";
import type { KernelObjects } from "../../../src/kernel/objects/kernel-objects.js";
import { markSheafObjects, sheafObjects } from "../../../src/kernel/objects/sheaves.js";

const BASE = 0xffff_8880_0000_0000n;
const SIZE = 0x10000;
const space: AddressSpace = {
  translate: (vaddr) =>
    vaddr >= BASE && vaddr < BASE + BigInt(SIZE) ? { paddr: Number(vaddr - BASE), length: 4096 } : undefined,
};

/** Offsets of Debian's 7.2 for x86-64; `old`: the barn is in the node's struct, as in 6.18. */
const members = (old: boolean): Readonly<Record<string, readonly [number, number]>> => ({
  "kmem_cache.cpu_sheaves": [0, 8],
  "slub_percpu_sheaves.main": [8, 8],
  "slub_percpu_sheaves.spare": [16, 8],
  "slub_percpu_sheaves.rcu_free": [24, 8],
  "slab_sheaf.barn_list": [0, 16],
  "slab_sheaf.cache": [16, 8],
  "slab_sheaf.size": [24, 4],
  "slab_sheaf.objects": [32, 0],
  "node_barn.sheaves_full": [8, 16],
  ...(old
    ? { "kmem_cache.node[0]": [208, 8], "kmem_cache_node.barn": [40, 8] }
    : { "kmem_cache.per_node[0].barn": [208, 8] }),
});

const [CACHE, PERCPU, OFFSETS, MASK, BARN, NODE] = [0x1000, 0x2000, 0x3000, 0x3100, 0x4000, 0x4100];

class Machine {
  readonly bytes = new DataView(new ArrayBuffer(SIZE));
  readonly kernel: KernelObjects;

  constructor(old = false, symbols = true) {
    const known = members(old);
    const named: Readonly<Record<string, number>> = { __per_cpu_offset: OFFSETS, __cpu_possible_mask: MASK };
    const { bytes } = this;
    const readView = (vaddr: bigint, length: number) => {
      const at = Number(vaddr - BASE);
      return at >= 0 && at + length <= SIZE ? new DataView(bytes.buffer, at, length) : undefined;
    };
    this.kernel = {
      memory: {
        ...{ wordSize: 8, littleEndian: true, pageSize: 4096, readView },
        readWord: (vaddr: bigint) => readView(vaddr, 8)?.getBigUint64(0, true),
        isKernelAddress: (vaddr: bigint) => vaddr >= BASE,
      },
      symbols: {
        address: (name: string) =>
          symbols && named[name] !== undefined ? BASE + BigInt(named[name] as number) : undefined,
      },
      types: {
        member(type: string, name: string) {
          const found = known[`${type}.${name}`];
          return found && { name, offset: found[0], size: found[1], type: "" };
        },
      },
    } as unknown as KernelObjects;
    // Per-CPU pointers are distances; two CPUs.
    this.word(CACHE, BigInt(PERCPU));
    this.word(MASK, 3n);
    this.word(OFFSETS, BASE);
    this.word(OFFSETS + 8, BASE + 0x100n);
    this.word(CACHE + 208, BASE + BigInt(old ? NODE : BARN));
    this.word(NODE + 40, BASE + BigInt(BARN));
    this.list(BARN + 8, []);
  }

  word(at: number, value: bigint): void {
    this.bytes.setBigUint64(at, value, true);
  }

  list(head: number, nodes: readonly number[]): void {
    const all = [head, ...nodes];
    all.forEach((at, i) => {
      const next = all[(i + 1) % all.length] as number;
      this.word(at, BASE + BigInt(next));
      this.word(next + 8, BASE + BigInt(at));
    });
  }

  sheaf(at: number, objects: readonly number[], cache = CACHE): void {
    this.word(at + 16, BASE + BigInt(cache));
    this.bytes.setUint32(at + 24, objects.length, true);
    objects.forEach((object, i) => {
      this.word(at + 32 + i * 8, BASE + BigInt(object));
    });
  }

  /** `name`: which of a CPU's three. */
  give(cpu: number, name: 0 | 1 | 2, sheaf: number): void {
    this.word(PERCPU + cpu * 0x100 + 8 + name * 8, BASE + BigInt(sheaf));
  }

  find() {
    return sheafObjects(space, this.kernel, [BASE + BigInt(CACHE)]);
  }
}

test.each([
  ["7.2", false],
  ["6.18", true],
] as const)("%s: those of all CPUs, and the full ones of the node, in the order of addresses", (_, old) => {
  const machine = new Machine(old);
  machine.sheaf(0x5000, [0x9000, 0x8000]);
  machine.sheaf(0x5100, [0x8040]);
  machine.sheaf(0x5200, [0x8080]);
  machine.sheaf(0x5300, [0xa000]);
  machine.sheaf(0x5400, [0xb000, 0xb040]);
  machine.give(0, 0, 0x5000);
  machine.give(0, 1, 0x5100);
  machine.give(0, 2, 0x5200);
  machine.give(1, 0, 0x5300);
  machine.list(BARN + 8, [0x5400]);
  const found = machine.find();
  expect([...(found?.addresses ?? [])]).toEqual([0x8000, 0x8040, 0x8080, 0x9000, 0xa000, 0xb000, 0xb040]);
  expect(found).toMatchObject({ broken: 0, cut: false });
});

test("a sheaf of another cache, one that is too large, a list without an end: counted, and the others are read", () => {
  const machine = new Machine();
  machine.sheaf(0x5000, [0x9000]);
  machine.sheaf(0x5100, [0x8000], 0x1100);
  machine.sheaf(0x5200, [0x8000]);
  machine.bytes.setUint32(0x5200 + 24, 0xffff_ffff, true);
  machine.give(0, 0, 0x5000);
  machine.give(0, 1, 0x5100);
  machine.give(1, 0, 0x5200);
  machine.word(BARN + 8, 0n);
  expect([...(machine.find()?.addresses ?? [])]).toEqual([0x9000]);
  expect(machine.find()?.broken).toBe(3);
});

test("an empty sheaf is of no cache: the one that stands for caches without sheaves", () => {
  const machine = new Machine();
  machine.sheaf(0x5000, [], 0);
  machine.give(0, 0, 0x5000);
  expect(machine.find()).toMatchObject({ broken: 0 });
});

test("without the CPUs' memory nothing is said; kernels before 6.18 have none", () => {
  expect(new Machine(false, false).find()).toBeUndefined();
  const before = new Machine();
  const types = { member: () => undefined } as unknown as KernelObjects["types"];
  expect(sheafObjects(space, { ...before.kernel, types }, [BASE])?.addresses.length).toBe(0);
});

test("whatever the memory says, the search ends and finds physical addresses only", () => {
  const value = fc.oneof(fc.nat(SIZE), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(SIZE / 8 - 1), value)), (writes) => {
      const machine = new Machine();
      machine.sheaf(0x5000, [0x9000, 0x8000]);
      machine.give(0, 0, 0x5000);
      for (const [at, to] of writes) machine.word(at * 8, typeof to === "bigint" ? to : BASE + BigInt(to));
      for (const address of machine.find()?.addresses ?? []) {
        expect(address).toBeGreaterThanOrEqual(0);
        expect(address).toBeLessThan(SIZE);
      }
    }),
  );
});

test("objects of a slab that lie in sheaves are marked; an address within one, or of one on a list, is a damage", () => {
  const sheaves = { addresses: Float64Array.of(0xfc0, 0x1000, 0x1080, 0x1100), broken: 0, cut: false };
  const free = Uint8Array.of(0, 1, 0, 0);
  expect(markSheafObjects(sheaves, { start: 0x1000, count: 4, stride: 64 }, free, 2)).toBe(true);
  expect([...free]).toEqual([2, 1, 2, 0]);
  expect(markSheafObjects(sheaves, { start: 0x1000, count: 4, stride: 64 }, Uint8Array.of(1, 0, 0, 0), 2)).toBe(false);
  expect(markSheafObjects(sheaves, { start: 0x1000, count: 4, stride: 96 }, new Uint8Array(4), 2)).toBe(false);
});
