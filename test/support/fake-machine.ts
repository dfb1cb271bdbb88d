/** 128 KiB of a 64-bit kernel's memory, with symbols and types as a test names them: for what follows pointers. */
import type { AddressSpace } from "../../src/kernel/address-space.js";
import type { KernelObjects } from "../../src/kernel/objects/kernel-objects.js";
import type { Slab } from "../../src/kernel/objects/slab-walk.js";
import type { Dump } from "../../src/reader/dump.js";

/** The kernel's address of physical address 0. */
export const BASE = 0xffff_8880_0000_0000n;
const SIZE = 0x20000;

export const space: AddressSpace = {
  translate: (vaddr) =>
    vaddr >= BASE && vaddr < BASE + BigInt(SIZE)
      ? { paddr: Number(vaddr - BASE), length: 4096 - (Number(vaddr - BASE) % 4096) }
      : undefined,
};

export interface FakeMachine {
  readonly view: DataView;
  readonly kernel: KernelObjects;
  word(at: number, value: bigint): void;
  /** A pointer to another place of the memory. */
  point(at: number, to: number): void;
}

/**
 * Symbols that are numbers lie in the memory, bigints are what they are (per-CPU ones are distances). Types: "struct.member" with its offset and
 * size, "struct" with its size as the second (and the number of elements as the third, of an array), "#NAME" an enumerator as the first.
 */
export function machine(
  symbols: Readonly<Record<string, number | bigint>>,
  types: Readonly<Record<string, readonly [offset: number, size: number, count?: number]>>,
): FakeMachine {
  const view = new DataView(new ArrayBuffer(SIZE));
  const readView = (vaddr: bigint, length: number) => {
    const at = Number(vaddr - BASE);
    return at >= 0 && at + length <= SIZE ? new DataView(view.buffer, at, length) : undefined;
  };
  const kernel = {
    memory: {
      ...{ wordSize: 8, littleEndian: true, pageSize: 4096, readView },
      readWord: (vaddr: bigint) => readView(vaddr, 8)?.getBigUint64(0, true),
      isKernelAddress: (vaddr: bigint) => vaddr >= BASE,
    },
    symbols: {
      address(name: string) {
        const found = symbols[name];
        return typeof found === "number" ? BASE + BigInt(found) : found;
      },
    },
    types: {
      member(type: string, name: string) {
        const found = types[`${type}.${name}`];
        const [offset, size, count] = found ?? [0, 0];
        return found && { name, offset, size, type: "", ...(count === undefined ? {} : { count }) };
      },
      sizeOf: (type: string) => types[type]?.[1],
      enumerator(name: string) {
        const found = types[`#${name}`];
        return found && BigInt(found[0]);
      },
    },
  } as unknown as KernelObjects;
  const word = (at: number, value: bigint) => view.setBigUint64(at, value, true);
  return { view, kernel, word, point: (at, to) => word(at, BASE + BigInt(to)) };
}

/** The pieces of a list, in order: [start, end). */
export function piecesOf(list: { merged(fill: number): { start: Float64Array; end: Float64Array } }): number[][] {
  const { start, end } = list.merged(0);
  return Array.from(start, (from, i) => [from, end[i] as number]);
}

/** Types by which a task's open files are found. */
export const OPEN_FILES = {
  "task_struct.files": [0, 8],
  "files_struct.fdt": [8, 8],
  "fdtable.fd": [0, 8],
  "fdtable.max_fds": [8, 4],
  "file.f_op": [0, 8],
  "file.private_data": [8, 8],
} as const;

/** A task that has files open, by their number: where the file is, its operations, and its own data. Returns the task's address. */
export function taskWithFiles(
  { point, view }: FakeMachine,
  files: readonly (readonly [file: number, operations: number, own: number])[],
): bigint {
  point(0x200, 0x300);
  point(0x308, 0x400);
  point(0x400, 0x500);
  view.setUint32(0x408, files.length, true);
  for (const [i, [file, operations, own]] of files.entries()) {
    point(0x500 + 8 * i, file);
    point(file, operations);
    point(file + 8, own);
  }
  return BASE + 0x200n;
}

/** The kernel with other symbols, of which each has one address. */
export function withAddresses(kernel: KernelObjects, places: Readonly<Record<string, number>>): KernelObjects {
  const symbols = {
    address: () => undefined,
    matching: () => [],
    endingIn: () => [],
    addresses: (name: string) => (places[name] === undefined ? [] : [BASE + BigInt(places[name])]),
  };
  return { ...kernel, symbols } as unknown as KernelObjects;
}

/** The memory as a dump of x86-64. */
export function dumpOf({ buffer }: DataView): Dump {
  return {
    ...{ maxMapnr: SIZE / 4096, pageSize: 4096, machine: { arch: "x86_64", wordSize: 8, littleEndian: true } },
    memory: {
      read(into: Uint8Array, at: number) {
        into.set(new Uint8Array(buffer, at, into.length));
        return into.length;
      },
    },
  } as unknown as Dump;
}

/** A cache of objects of one size, without gaps, whose own structure is at 0x100. */
export const cacheOf = (name: string, stride: number) =>
  ({ name, address: BASE + 0x100n, stride, objectSize: stride, pad: 0, freelist: { offset: 0, wordSize: 8 } }) as const;

/** A walk over one slab, for `vi.mock`. */
export const walkOver = (slab: Slab) => ({
  ...{ cpuLists: true, sheaves: { found: false, broken: 0 }, caches: new Map(), guarded: "none" },
  each: (use: (slab: Slab) => void) => {
    use(slab);
    return 0;
  },
});

/** No file is open. */
export const NO_FILES = { tasks: [], others: [] };
