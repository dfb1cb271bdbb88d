/** Dumps of sadump: one partition, or the partitions of a disk set. */
import type { MemoryPiece } from "./raw-image.js";
import type { VmwareCpu } from "./vmware-image.js";

const BLOCK = 4096;
const GENERAL = {
  ...{ r15: 796, r14: 804, r13: 812, r12: 820, r11: 828, r10: 836, r9: 844, r8: 852 },
  ...{ rax: 860, rcx: 868, rdx: 876, rbx: 884, rsp: 892, rbp: 900, rsi: 908, rdi: 916, rip: 984, rflags: 1000 },
} as const;
const SEGMENTS = { es: 936, cs: 940, ss: 944, ds: 948, fs: 952, gs: 956 } as const;

export interface SadumpOptions {
  readonly pieces: readonly MemoryPiece[];
  readonly cpus?: readonly VmwareCpu[];
  /** Pages in each disk of a set but the last; default: one partition. */
  readonly disks?: readonly number[];
  /** Header version: 0 has 32-bit numbers of pages. */
  readonly version?: 0 | 1;
  /** Blocks that the header says were written; default: all. */
  readonly written?: number;
}

/** The files, one for each disk; pages of zeros are in the bitmap of memory only. */
export function buildSadump(options: SadumpOptions): Buffer[] {
  const { pieces, cpus = [], disks = [], version = 1 } = options;
  const pages = new Map<number, Uint8Array>();
  for (const { start, data } of pieces) {
    for (let at = 0; at < data.length; at += BLOCK) pages.set((start + at) / BLOCK, data.subarray(at, at + BLOCK));
  }
  const pfns = [...pages.keys()].sort((a, b) => a - b);
  const maxMapnr = (pfns.at(-1) ?? 0) + 1;
  const stored = pfns.filter((pfn) => (pages.get(pfn) as Uint8Array).some((byte) => byte !== 0));
  const bitmapBlocks = Math.ceil(Math.ceil(maxMapnr / 8) / BLOCK);
  const bitmap = (set: readonly number[]) => {
    const bytes = Buffer.alloc(bitmapBlocks * BLOCK);
    for (const pfn of set) bytes[pfn >> 3] = (bytes[pfn >> 3] as number) | (0x80 >> (pfn & 7));
    return bytes;
  };
  const sub = subHeader(cpus);
  const header = Buffer.alloc(BLOCK);
  header.write("sadump\0\0", 0, "latin1");
  header.writeUInt32LE(version, 8);
  Buffer.from([0xea, 7, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0xff, 7, 0, 0]).copy(header, 16);
  header.writeUInt32LE(BLOCK, 40);
  header.writeUInt32LE(sub.length / BLOCK, 48);
  header.writeUInt32LE(bitmapBlocks, 52);
  header.writeUInt32LE(bitmapBlocks, 56);
  header.writeUInt32LE(version === 0 ? maxMapnr : 0, 60);
  header.writeUInt32LE(stored.length, 64);
  header.writeUInt32LE(options.written ?? stored.length, 72);
  header.writeUInt32LE(cpus.length, 80);
  header.writeBigUInt64LE(BigInt(maxMapnr), 88);
  header.writeBigUInt64LE(BigInt(pfns.length), 96);
  header.writeBigUInt64LE(BigInt(options.written ?? stored.length), 112);
  const head = Buffer.concat([header, sub, bitmap(pfns), bitmap(stored)]);
  const parts: number[][] = [];
  let rest = [...stored];
  for (const count of disks) {
    parts.push(rest.slice(0, count));
    rest = rest.slice(count);
  }
  parts.push(rest);
  const isSet = disks.length > 0;
  return parts.map((part, i) => {
    const setHeader = isSet && i === 0 ? setHeaderOf(parts.length) : Buffer.alloc(0);
    const body = Buffer.concat([
      setHeader,
      ...(i === 0 ? [head] : []),
      ...part.map((pfn) => pages.get(pfn) as Uint8Array),
    ]);
    return Buffer.concat([partition(isSet ? i + 1 : 0, BLOCK + body.length), body]);
  });
}

function partition(number: number, used: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write("sadump\0\0", 0, "latin1");
  block.fill(0x11, 88, 104);
  block.fill(0x22, 104, 120);
  block.fill(0x30 + number, 120, 136);
  block.writeUInt32LE(number, 152);
  block.writeBigUInt64LE(BigInt(used), 160);
  let check = 0x1234;
  for (let at = 168; at + 4 <= BLOCK; at += 4) {
    block.writeUInt32LE(check, at);
    check = Math.imul(check + 7, 11) >>> 0;
  }
  return block;
}

function setHeaderOf(disks: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.writeUInt32LE(1, 0);
  block.writeUInt32LE(disks, 4);
  return block;
}

function subHeader(cpus: readonly VmwareCpu[]): Buffer {
  const size = 4 + cpus.length * (16 + 1024);
  const bytes = Buffer.alloc(Math.ceil(size / BLOCK) * BLOCK);
  bytes.writeUInt32LE(cpus.length * 1024, 0);
  cpus.forEach(({ registers, cr0, cr3, cr4, idt }, i) => {
    const state = bytes.subarray(4 + 16 * cpus.length + 1024 * i, 4 + 16 * cpus.length + 1024 * (i + 1));
    for (const [name, at] of Object.entries(GENERAL)) state.writeBigUInt64LE(registers[name] ?? 0n, at);
    for (const [name, at] of Object.entries(SEGMENTS))
      state.writeUInt32LE(Number((registers[name] ?? 0n) & 0xffffn), at);
    state.writeUInt32LE(Number(idt >> 32n), 472);
    state.writeUInt32LE(Number(idt & 0xffff_ffffn), 660);
    state.writeUInt32LE(Number(cr4 & 0xffff_ffffn), 576);
    state.writeBigUInt64LE(cr3, 1008);
    state.writeBigUInt64LE(cr0, 1016);
  });
  return bytes;
}
