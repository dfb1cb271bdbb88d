/** Page-table formats as the architectures' manuals and kernels describe them, for writing; src/ reads them. */
import { levelsOf, type TableFormat } from "./tables.js";

export const i386: TableFormat = {
  levels: levelsOf(12, 10, 10),
  entrySize: 4,
  byteOrder: "little",
  table: (paddr) => paddr | 0x63n,
  page: (paddr, level) => paddr | (level === 0 ? 0xe3n : 0x63n),
};

export const i386Pae: TableFormat = {
  levels: levelsOf(12, 2, 9, 9),
  entrySize: 8,
  byteOrder: "little",
  table: (paddr, level) => paddr | (level === 0 ? 0x1n : 0x63n),
  page: (paddr, level) => paddr | (level === 1 ? 0xe3n : 0x63n) | (1n << 63n),
};

/** Sections of 1 MiB, or pages of 4 KiB. */
export const armShort: TableFormat = {
  levels: levelsOf(12, 12, 8),
  entrySize: 4,
  byteOrder: "little",
  table: (paddr) => paddr | 0x1n,
  page: (paddr, level) => paddr | (level === 0 ? 0x40en : 0x45en),
};

export const armLpae: TableFormat = {
  levels: levelsOf(12, 2, 9, 9),
  entrySize: 8,
  byteOrder: "little",
  table: (paddr) => paddr | 0x3n,
  page: (paddr, level) => paddr | (level === 2 ? 0x713n : 0x711n) | (1n << 54n),
};

/** `wide`: physical addresses of more than 48 bits, in the way that goes with the page size. */
export function arm64(pageShift: number, wide: boolean, ...bits: readonly number[]): TableFormat {
  const high = (paddr: bigint) => {
    if (!wide) return paddr;
    if (pageShift === 16) return (paddr & 0xffff_ffff_0000n) | ((paddr >> 48n) << 12n);
    return (paddr & ((1n << 50n) - 1n)) | ((paddr >> 50n) << 8n);
  };
  const last = bits.length - 1;
  return {
    levels: levelsOf(pageShift, ...bits),
    entrySize: 8,
    byteOrder: "little",
    table: (paddr) => high(paddr) | 0x3n,
    page: (paddr, level) => high(paddr) | (level === last ? 0x3n : 0x1n) | 0x400n | (0x78n << 52n),
  };
}

/** `top`: 1 for three levels (42-bit addresses), 2 for four. Entries name the type of their table. */
export function s390x(top: number): TableFormat {
  const type = (level: number) => BigInt(top - level) << 2n;
  const invalid = (level: number) => (level > top ? 0x400n : 0x20n | type(level));
  return {
    levels: levelsOf(12, ...Array.from({ length: top + 1 }, () => 11), 8),
    entrySize: 8,
    byteOrder: "big",
    table: (paddr, level) => paddr | type(level) | (level < top ? 3n : 0n),
    page: (paddr, level) => paddr | (level > top ? 0n : type(level) | 0x400n),
    empty: invalid,
  };
}

export function riscv(...bits: readonly number[]): TableFormat {
  return {
    levels: levelsOf(12, ...bits),
    entrySize: 8,
    byteOrder: "little",
    table: (paddr) => ((paddr >> 12n) << 10n) | 0x1n,
    page: (paddr) => ((paddr >> 12n) << 10n) | 0xe7n,
  };
}

/** Big endian on little-endian machines too. */
export function ppc64Radix(pageShift: 12 | 16): TableFormat {
  const bits = pageShift === 16 ? [13, 9, 9, 5] : [13, 9, 9, 9];
  return {
    levels: levelsOf(pageShift, ...bits),
    entrySize: 8,
    byteOrder: "big",
    table: (paddr, level) => (1n << 63n) | paddr | BigInt(bits[level + 1] ?? 0),
    page: (paddr) => (3n << 62n) | paddr | 0x18en,
  };
}

/** Tables are named by their addresses in the cached window; empty entries lead to empty tables at `empty`. */
export function loongarch(pageShift: number, levels: number, empty: (level: number) => bigint): TableFormat {
  const window = 0x9000_0000_0000_0000n;
  return {
    levels: levelsOf(pageShift, ...Array.from({ length: levels }, () => pageShift - 3)),
    entrySize: 8,
    byteOrder: "little",
    table: (paddr) => window | paddr,
    page: (paddr, level) => paddr | (level === levels - 1 ? 0x1d3n : 0x11d3n),
    empty: (level) => (level === levels - 1 ? 0n : window | empty(level)),
  };
}

export function ia64(pageShift: number, levels: number): TableFormat {
  return {
    levels: levelsOf(pageShift, ...Array.from({ length: levels }, () => pageShift - 3)),
    entrySize: 8,
    byteOrder: "little",
    table: (paddr) => paddr,
    page: (paddr) => paddr | (1n << 52n) | 0x661n,
  };
}

export const sparc64: TableFormat = {
  levels: levelsOf(13, 10, 10, 10, 10),
  entrySize: 8,
  byteOrder: "big",
  table: (paddr) => paddr,
  page: (paddr, level) => paddr | (1n << 63n) | (level < 3 ? 1n << 56n : 0n) | 0x750n,
};
