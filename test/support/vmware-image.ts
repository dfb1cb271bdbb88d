/** Saved states of VMware machines, by their description in public readers: state files with and without memory, and ESXi's debug.guest. */
import { ByteBuffer } from "./bytes.js";
import type { Note } from "./notes.js";
import type { MemoryPiece } from "./raw-image.js";

const GENERAL = [
  ...["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"],
  ...["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"],
];
const USER_REGS = [
  ...["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"],
  ...["orig_rax", "rip", "cs", "rflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"],
] as const;
const SEGMENTS = ["es", "cs", "ss", "ds", "fs", "gs"] as const;

/** A CPU by the names of `user_regs_struct`, its control registers and the address of its IDT. */
export interface VmwareCpu {
  readonly registers: Readonly<Record<string, bigint>>;
  readonly cr0: bigint;
  readonly cr2: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly idt: bigint;
}

/** The CPUs of a dump that QEMU wrote, out of its notes. */
export function cpusOf(notes: readonly Note[]): VmwareCpu[] {
  const states = notes.filter(({ name }) => name === "QEMU");
  return notes
    .filter(({ name, type }) => name === "CORE" && type === 1)
    .map(({ desc }, i) => {
      const words = new DataView(desc.buffer, desc.byteOffset);
      const state = (states[i] as Note).desc;
      const qemu = new DataView(state.buffer, state.byteOffset);
      return {
        registers: Object.fromEntries(USER_REGS.map((name, k) => [name, words.getBigUint64(112 + 8 * k, true)])),
        cr0: qemu.getBigUint64(392, true),
        cr2: qemu.getBigUint64(408, true),
        cr3: qemu.getBigUint64(416, true),
        cr4: qemu.getBigUint64(424, true),
        idt: qemu.getBigUint64(152 + 9 * 24 + 16, true),
      };
    });
}

export interface StateOptions {
  readonly cpus?: readonly VmwareCpu[];
  readonly regions?: readonly { readonly ppn: number; readonly page: number; readonly pages: number }[];
  /** Memory in the file itself. */
  readonly memory?: Uint8Array;
  /** First word; default 0xbed2bed2. */
  readonly id?: number;
  /** The older form: registers in blocks. */
  readonly blocks?: boolean;
  /** Registers not to write. */
  readonly without?: readonly string[];
  /** The block with the memory is marked as packed. */
  readonly packed?: boolean;
  /** Bytes between the head of a block and its data. */
  readonly pad?: number;
}

class Tags {
  readonly out = new ByteBuffer("little");

  constructor(
    readonly shortSizes: boolean,
    readonly without: readonly string[],
  ) {}

  head(size: number, name: string, indices: readonly number[]): void {
    this.out
      .u8((indices.length << 6) | size)
      .u8(name.length)
      .text(name, name.length);
    for (const index of indices) this.out.u32(index);
  }

  value(name: string, indices: readonly number[], value: bigint, size: number): void {
    if (this.without.includes(name)) return;
    this.head(size, name, indices);
    if (size === 8) this.out.u64(value);
    else if (size === 4) this.out.u32(Number(value & 0xffff_ffffn));
    else this.out.u16(Number(value & 0xffffn));
  }

  bytes(name: string, indices: readonly number[], bytes: Uint8Array): void {
    this.head(bytes.length, name, indices);
    this.out.bytes(bytes);
  }

  block(name: string, indices: readonly number[], bytes: Uint8Array, { packed = false, pad = 0 } = {}): void {
    this.head(packed ? 62 : 63, name, indices);
    for (let i = 0; i < 2; i++) {
      if (this.shortSizes) this.out.u32(bytes.length);
      else this.out.u64(bytes.length);
    }
    this.out.u16(pad).bytes(new Uint8Array(pad)).bytes(bytes);
  }

  end(): Uint8Array {
    return this.out.u16(0).toBytes();
  }
}

/** A .vmss or .vmsn. */
export function buildVmwareState(options: StateOptions): Uint8Array {
  const { cpus = [], id = 0xbed2bed2, without = [] } = options;
  const shortSizes = (id & 15) === 0;
  const make = (fill: (tags: Tags) => void): Uint8Array => {
    const tags = new Tags(shortSizes, without);
    fill(tags);
    return tags.end();
  };
  const groups: [string, Uint8Array][] = [
    ["Checkpoint", make((tags) => tags.bytes("fileversion", [], Uint8Array.of(8, 0, 0, 0)))],
    ["cpu", make((tags) => writeCpus(tags, cpus, options.blocks === true))],
    ["memory", make((tags) => writeMemory(tags, options))],
  ];
  // crash 9.0.2 reads 80 descriptors of 80 bytes for each group.
  const first = 12 + 6400 * groups.length;
  const out = new ByteBuffer("little").u32(id).u32(8).u32(groups.length);
  let position = first;
  for (const [name, bytes] of groups) {
    out.text(name, 64).u64(position).u64(bytes.length);
    position += bytes.length;
  }
  const head = out.toBytes();
  return new Uint8Array(Buffer.concat([head, Buffer.alloc(first - head.length), ...groups.map(([, bytes]) => bytes)]));
}

function writeMemory(tags: Tags, { regions = [], memory, packed = false, pad = 0 }: StateOptions): void {
  tags.value("regionsCount", [], BigInt(regions.length), 4);
  regions.forEach(({ ppn, page, pages }, i) => {
    tags.value("regionPPN", [i], BigInt(ppn), 4);
    tags.value("regionPageNum", [i], BigInt(page), 4);
    tags.value("regionSize", [i], BigInt(pages), 4);
  });
  tags.value("align_mask", [0], 0xfffn, 4);
  if (memory !== undefined) tags.block("Memory", [0, 0], memory, { packed, pad });
}

function writeCpus(tags: Tags, cpus: readonly VmwareCpu[], blocks: boolean): void {
  tags.value("cpu:numVCPUs", [], BigInt(cpus.length), 4);
  cpus.forEach((cpu, c) => {
    const { registers } = cpu;
    const register = (name: string) => registers[name] ?? 0n;
    const control = [cpu.cr0, 0n, cpu.cr2, cpu.cr3, cpu.cr4];
    if (blocks) {
      const order = ["rax", "rcx", "rdx", "rbx", "rbp", "rsp", "rsi", "rdi", ...GENERAL.slice(8)];
      const words = (values: readonly bigint[]) => {
        const bytes = new ByteBuffer("little");
        for (const value of values) bytes.u64(value);
        return bytes.toBytes();
      };
      tags.block("gpregs", [c], words(order.map(register)));
      tags.block("CR64", [c], words([...control, 0n, 0n, 0n, 0n]));
      tags.bytes("IDTR", [c], new ByteBuffer("little").u16(0xfff).u64(cpu.idt).toBytes());
    } else {
      for (const name of GENERAL) tags.value(name, [c], register(name), 8);
      control.forEach((value, i) => {
        tags.value("CR64", [c, i], value, 8);
      });
      tags.value("IDTR", [c, 0], 0xfffn, 4);
      tags.value("IDTR", [c, 1], cpu.idt & 0xffff_ffffn, 4);
      tags.value("IDTR", [c, 2], cpu.idt >> 32n, 4);
    }
    tags.value("rip", [c], register("rip"), 8);
    tags.value("eflags", [c], register("rflags"), 4);
    SEGMENTS.forEach((name, i) => {
      tags.value("S", [c, i], register(name), 4);
      tags.value("S.base64", [c, i], name === "fs" || name === "gs" ? register(`${name}_base`) : 0n, 8);
    });
  });
}

export interface GuestOptions {
  readonly version: 1 | 3 | 4 | 5 | 6 | 7;
  readonly cpus: readonly VmwareCpu[];
  /** Ascending, the first from 0 on; at most two holes between them. */
  readonly memory: readonly MemoryPiece[];
  /** Of version 7. */
  readonly arch?: 0 | 1;
}

/** A debug.guest; its debug.vmem is the memory's pieces one behind the other. */
export function buildVmwareGuest({ version, cpus, memory, arch = 1 }: GuestOptions): Uint8Array {
  const short = version === 1;
  const at = { 1: 21, 3: 22, 4: 22, 5: 22, 6: 23, 7: 16 }[version];
  const pages = memory.reduce((sum, { data }) => sum + data.length / 4096, 0);
  const ends = memory.map(({ start, data }) => (start + data.length) / 4096);
  const holes = memory.slice(1).map(({ start }, i) => [ends[i] as number, start / 4096 - (ends[i] as number)] as const);
  const out = new ByteBuffer("little").u32(version).u32(cpus.length).seek(at);
  const word = (value: number) => (short ? out.u32(value) : out.u64(value));
  out.u64((ends.at(-1) as number) * 4096 - 1);
  word(pages);
  out.u32(0).u32(holes.length);
  for (let i = 0; i < 2; i++) for (const value of holes[i] ?? [0, 0]) word(value);
  if (version === 7) out.seek(72).u32(arch);
  const first = { 1: 57 + 8 * holes.length + 4, 3: 78, 4: 78, 5: 78, 6: 79, 7: 83 }[version];
  const size = version <= 3 ? 4490 : 4487;
  cpus.forEach((cpu, c) => {
    out
      .seek(first + c * size)
      .u32(Number(cpu.cr0))
      .u64(cpu.cr2)
      .u64(cpu.cr3)
      .u64(cpu.cr4);
    out.seek(first + c * size + 108).u64(cpu.idt);
    out.seek(first + c * size + (version <= 3 ? 161 : 158));
    for (const name of USER_REGS) out.u64(cpu.registers[name] ?? 0n);
  });
  const bytes = new Uint8Array(first + cpus.length * size);
  bytes.set(out.toBytes());
  return bytes;
}
