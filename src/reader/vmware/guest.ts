import { DumpError } from "../../errors.js";
import { X86_GENERAL, type X86Registers } from "../cpu-notes/x86_64.js";
import type { Piece } from "../extents.js";
import { type Fields, fields } from "../fields.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";

/*
 * debug.guest: ESXi writes it together with debug.vmem when a guest panics (monitor.mini-suspend_on_panic). It has no
 * magic number; fields are packed, little endian. The layout of each version is known from VMware's own patches to
 * crash.
 */

/** Offsets by version. `cpus` may depend on the number of holes. */
const VERSIONS = new Map([
  [1, { memory: 21, short: true, cpus: (holes: number) => 57 + 8 * holes + 4, cpu: 4490 }],
  [3, { memory: 22, short: false, cpus: () => 78, cpu: 4490 }],
  [4, { memory: 22, short: false, cpus: () => 78, cpu: 4487 }],
  [5, { memory: 22, short: false, cpus: () => 78, cpu: 4487 }],
  [6, { memory: 23, short: false, cpus: () => 79, cpu: 4487 }],
  [7, { memory: 16, short: false, cpus: () => 83, cpu: 4487 }],
]);
/** Offset of the architecture in version 7: 0 is aarch64, 1 is x86. */
const ARCH_AT = 72;
const MAX_CPUS = 4096;
const MAX_HOLES = 2;
const HEAD = 128;
const PAGE = 4096;
/** Bytes of a CPU's record after its registers. */
const BEHIND_REGISTERS = 27 * 8 + 17 + 4096;
/** The order of registers in `user_regs_struct`. */
const ORDER = [
  ...["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"],
  ...["orig_rax", "rip", "cs", "rflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"],
];

/** The content of a debug.guest. */
export interface GuestFile {
  readonly pieces: readonly Piece[];
  readonly arch: "x86_64" | "arm64";
  /** Empty for an arm64 machine. */
  readonly cpus: readonly X86Registers[];
}

/** Whether a file is a debug.guest. That is decided by its name, because only its version is at a fixed place. */
export function isGuestFile(head: Uint8Array, path: string): boolean {
  return /\.guest$/i.test(path) && head.length >= 8 && VERSIONS.has(fields(head, true, "").u32(0));
}

/** Reads a debug.guest. Throws `CORRUPT`, `TRUNCATED`, `LIMIT`. */
export function readGuest(source: ByteSource): GuestFile {
  const head = fields(readExactly(source, 0, HEAD, "header"), true, source.name);
  const version = head.u32(0);
  const cpuCount = head.u32(4);
  const places = VERSIONS.get(version);
  if (places === undefined) throw new Error("called for a file that is none");
  if (cpuCount > MAX_CPUS) throw damaged(source, 4, `${cpuCount} CPUs, and at most ${MAX_CPUS} are believed`);
  const { pieces, holes } = memoryInfo(head, places.memory, places.short, source);
  const arch = version >= 7 && head.u32(ARCH_AT) === 0 ? "arm64" : "x86_64";
  if (arch === "arm64") return { pieces, arch, cpus: [] };
  const first = places.cpus(holes);
  const end = first + cpuCount * places.cpu;
  if (end !== source.size) {
    throw damaged(source, first, `${cpuCount} CPUs, whose registers would end at byte ${end} and not with the file`);
  }
  const cpus = Array.from({ length: cpuCount }, (_, i) => {
    const bytes = readExactly(source, first + i * places.cpu, places.cpu, "registers");
    return registersOf(fields(bytes, true, source.name), places.cpu);
  });
  return { pieces, arch, cpus };
}

/** The ranges of memory: the memory file has RAM without its holes. */
function memoryInfo(head: Fields, at: number, short: boolean, source: ByteSource) {
  const word = (offset: number) => (short ? head.u32(offset) : head.u64Number(offset, "a number of pages"));
  const width = short ? 4 : 8;
  const last = head.u64Number(at, "the last address");
  const pages = word(at + 8);
  const holes = head.u32(at + 8 + width + 4);
  if (holes > MAX_HOLES)
    throw damaged(source, at, `${holes} holes in its memory, and at most ${MAX_HOLES} are allowed`);
  const gaps = Array.from({ length: holes }, (_, i) => {
    const start = word(at + 16 + width + 2 * width * i);
    return { start, end: start + word(at + 16 + width + 2 * width * i + width) };
  }).sort((a, b) => a.start - b.start);
  const pieces: Piece[] = [];
  let from = 0;
  let position = 0;
  for (const { start, end } of [...gaps, { start: (last + 1) / PAGE, end: Number.POSITIVE_INFINITY }]) {
    if (start < from) throw damaged(source, at, "holes in its memory that overlap, or lie behind its end");
    if (start > from) pieces.push({ start: from * PAGE, end: start * PAGE, source: position * PAGE });
    position += start - from;
    from = end;
  }
  if (position !== pages) {
    throw damaged(
      source,
      at,
      `${pages} pages of memory up to address 0x${last.toString(16)}, which has room for ${position}`,
    );
  }
  return { pieces, holes };
}

function registersOf(record: Fields, size: number): X86Registers {
  const at = size - BEHIND_REGISTERS;
  const all = Object.fromEntries(ORDER.map((name, i) => [name, record.u64(at + 8 * i)]));
  const value = (name: string) => all[name] ?? 0n;
  const segment = (name: string, base = 0n) => ({ selector: Number(value(name) & 0xffffn), base });
  return {
    general: Object.fromEntries(X86_GENERAL.map((name) => [name, value(name)])),
    rip: value("rip"),
    rflags: value("rflags"),
    segments: {
      ...{ cs: segment("cs"), ds: segment("ds"), es: segment("es"), ss: segment("ss") },
      ...{ fs: segment("fs", value("fs_base")), gs: segment("gs", value("gs_base")) },
      ...{ ldt: { selector: 0, base: 0n }, tr: { selector: 0, base: 0n } },
    },
    gdt: { base: 0n, limit: 0 },
    idt: { base: record.u64(108), limit: 0xfff },
    cr: [BigInt(record.u32(0)), 0n, record.u64(4), record.u64(12), record.u64(20)],
  };
}

function damaged(source: ByteSource, offset: number, what: string): DumpError {
  return new DumpError("CORRUPT", `its state has ${what}`, {
    file: source.name,
    offset,
    cure: "The file is damaged, or is not a debug.guest of ESXi: copy it again from where it was made",
  });
}
