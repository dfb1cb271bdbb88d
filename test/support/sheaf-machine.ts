/** A machine with the sheaves of one cache and two CPUs in 64 KiB of memory: those of tests, and the fuzzer's. */
import type { AddressSpace } from "../../src/kernel/address-space.js";
import type { KernelObjects } from "../../src/kernel/objects/kernel-objects.js";
import { sheafObjects } from "../../src/kernel/objects/sheaves.js";

export const BASE = 0xffff_8880_0000_0000n;
export const SIZE = 0x10000;
export const space: AddressSpace = {
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

export const [CACHE, PERCPU, OFFSETS, MASK, BARN, NODE] = [0x1000, 0x2000, 0x3000, 0x3100, 0x4000, 0x4100];

export class SheafMachine {
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
