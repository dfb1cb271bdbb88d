/** 128 KiB of a 64-bit kernel's memory, with symbols and types as a test names them: for what follows pointers. */
import type { AddressSpace } from "../../src/kernel/address-space.js";
import type { KernelObjects } from "../../src/kernel/objects/kernel-objects.js";

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
 * size, "struct" with its size as the second, "#NAME" an enumerator as the first.
 */
export function machine(
  symbols: Readonly<Record<string, number | bigint>>,
  types: Readonly<Record<string, readonly [number, number]>>,
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
        return found && { name, offset: found[0], size: found[1], type: "" };
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
