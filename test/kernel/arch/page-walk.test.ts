import { describe, expect, test } from "vitest";
import { evenLevels, walkTables } from "../../../src/kernel/arch/page-walk.js";
import type { Step } from "../../../src/kernel/arch/table-shape.js";
import type { PhysicalMemory } from "../../../src/reader/physical-memory.js";

/** Memory of 1 MiB that counts how often it is read. */
function memoryOf(write: (view: DataView) => void): PhysicalMemory & { reads: number } {
  const bytes = new Uint8Array(1 << 20);
  write(new DataView(bytes.buffer));
  return {
    reads: 0,
    read(into, paddr) {
      this.reads++;
      const piece = bytes.subarray(Math.min(paddr, bytes.length), paddr + into.length);
      into.set(piece);
      return piece.length;
    },
    next: (paddr) => (paddr < bytes.length ? paddr : Number.POSITIVE_INFINITY),
  };
}

/** Entries of the tests: bit 0 valid, bit 1 a page above the bottom level, the rest the address. */
const decode =
  (shifts: readonly number[]) =>
  (entry: bigint, level: number): Step | undefined => {
    if ((entry & 1n) === 0n) return undefined;
    const address = Number(entry & ~0xfffn);
    const shift = shifts[level] as number;
    return level === shifts.length - 1 || (entry & 2n) !== 0n ? { page: address, shift } : { table: address };
  };

describe("page-table walk", () => {
  const levels = evenLevels(30, 12, 9);
  const shifts = levels.map((level) => level.shift);

  test("levels: even ones from the bottom, the rest at the top", () => {
    expect(evenLevels(48, 12, 9).map(({ shift, bits }) => [shift, bits])).toEqual([
      [39, 9],
      [30, 9],
      [21, 9],
      [12, 9],
    ]);
    expect(evenLevels(52, 16, 13)).toEqual([
      { shift: 42, bits: 10 },
      { shift: 29, bits: 13 },
      { shift: 16, bits: 13 },
    ]);
  });

  test("a table of which the file has a part only: that part is read", () => {
    const whole = memoryOf((view) => {
      view.setBigUint64(0x1000 + 300 * 8, 0x2001n, true);
      view.setBigUint64(0x1000 + 3 * 8, 0x2001n, true);
      view.setBigUint64(0x2000 + 5 * 8, 0x7001n, true);
    });
    // What is at 0x1000 to 0x17ff is not in the file.
    const memory: PhysicalMemory = {
      ...whole,
      read: (into, paddr) => (paddr < 0x1800 && paddr + into.length > 0x1000 ? 0 : whole.read(into, paddr)),
    };
    const space = walkTables({ root: 0x1000, levels, entrySize: 8, littleEndian: true }, memory, decode(shifts));
    expect(space.translate((300n << 21n) | (5n << 12n))).toEqual({ paddr: 0x7000, length: 0x1000 });
    expect(space.translate((3n << 21n) | (5n << 12n))).toBeUndefined();
  });

  test.each([true, false])("small and large pages, little endian %s", (littleEndian) => {
    const memory = memoryOf((view) => {
      view.setBigUint64(0x1000 + 3 * 8, 0x2001n, littleEndian);
      view.setBigUint64(0x2000 + 5 * 8, 0x7001n, littleEndian);
      view.setBigUint64(0x1000 + 4 * 8, 0x20_0003n, littleEndian);
    });
    const space = walkTables({ root: 0x1000, levels, entrySize: 8, littleEndian }, memory, decode(shifts));
    const small = (3n << 21n) | (5n << 12n);
    expect(space.translate(small | 0x123n)).toEqual({ paddr: 0x7123, length: 0xedd });
    expect(space.translate((4n << 21n) | 0x1_2345n)).toEqual({ paddr: 0x21_2345, length: 0x1e_dcbb });
    expect(space.translate((3n << 21n) | (6n << 12n))).toBeUndefined();
    expect(space.translate(7n << 21n)).toBeUndefined();
  });

  test("entries of 4 bytes", () => {
    const two = [
      { shift: 22, bits: 10 },
      { shift: 12, bits: 10 },
    ];
    const memory = memoryOf((view) => {
      view.setUint32(0x1000 + 768 * 4, 0x2001, true);
      view.setUint32(0x2000 + 1 * 4, 0x5001, true);
    });
    const shape = { root: 0x1000, levels: two, entrySize: 4, littleEndian: true } as const;
    const space = walkTables(shape, memory, decode([22, 12]));
    expect(space.translate(0xc000_1004n)?.paddr).toBe(0x5004);
  });

  test("neighbouring pages cost no further reads", () => {
    const memory = memoryOf((view) => {
      view.setBigUint64(0x1000, 0x2001n, true);
      for (let i = 0; i < 512; i++) view.setBigUint64(0x2000 + i * 8, BigInt(0x1_0000 + i * 0x1000) | 1n, true);
    });
    const shape = { root: 0x1000, levels, entrySize: 8, littleEndian: true } as const;
    const space = walkTables(shape, memory, decode(shifts));
    for (let i = 0; i < 512; i++) expect(space.translate(BigInt(i * 0x1000))?.paddr).toBe(0x1_0000 + i * 0x1000);
    expect(memory.reads).toBe(2);
  });

  test("the page that was walked last is remembered: answers are those of a walk from the top, whatever was asked before", () => {
    const memory = memoryOf((view) => {
      view.setBigUint64(0x1000 + 3 * 8, 0x2001n, true);
      view.setBigUint64(0x2000 + 5 * 8, 0x7001n, true);
      view.setBigUint64(0x2000 + 6 * 8, 0x9001n, true);
      view.setBigUint64(0x1000 + 4 * 8, 0x20_0003n, true);
    });
    const shape = { root: 0x1000, levels, entrySize: 8, littleEndian: true } as const;
    const space = walkTables(shape, memory, decode(shifts));
    const small = (3n << 21n) | (5n << 12n);
    const large = 4n << 21n;
    const borders = [small, small + 0x1000n, small + 0x2000n, large, large + (1n << 21n)];
    const asked = borders.flatMap((at) => [at - 1n, at, at + 1n, at + 0x123n]);
    for (const first of asked) {
      for (const then of asked) {
        space.translate(first);
        expect(space.translate(then)).toEqual(walkTables(shape, memory, decode(shifts)).translate(then));
      }
    }
  });

  test("tables outside the dump, and at addresses no table can have, lead nowhere", () => {
    const memory = memoryOf((view) => {
      view.setBigUint64(0x1000, 0xffff_ffff_ffff_f001n, true);
      view.setBigUint64(0x1008, 0x10_0001n, true);
    });
    const shape = { root: 0x1000, levels, entrySize: 8, littleEndian: true } as const;
    const space = walkTables(shape, memory, decode(shifts));
    expect(space.translate(0n)).toBeUndefined();
    expect(space.translate(1n << 21n)).toBeUndefined();
    const odd = walkTables({ ...shape, root: 0x1004 }, memory, decode(shifts));
    expect(odd.translate(0n)).toBeUndefined();
  });
});
