import { factsOf } from "../machine.js";
import { encodeNote, prstatusNoteOf } from "./encode-notes.js";

/** General registers in the order of the hardware's numbers. */
export const X86_GENERAL = [
  ...["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"],
  ...["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"],
] as const;
export const X86_SEGMENTS = ["cs", "ds", "es", "fs", "gs", "ss", "ldt", "tr"] as const;

/** A segment register. Parts that the saved state lacks are 0. */
export interface X86Segment {
  readonly selector: number;
  readonly base: bigint;
  readonly limit?: number;
  /** Bits 8 to 23 of the descriptor's second word. */
  readonly flags?: number;
}

/** Registers of a virtual CPU of x86-64. */
export interface X86Registers {
  readonly general: Readonly<Record<string, bigint>>;
  readonly rip: bigint;
  readonly rflags: bigint;
  readonly segments: Readonly<Record<(typeof X86_SEGMENTS)[number], X86Segment>>;
  readonly gdt: { readonly base: bigint; readonly limit: number };
  readonly idt: { readonly base: bigint; readonly limit: number };
  /** cr0 to cr4; there is no cr1. */
  readonly cr: readonly [bigint, bigint, bigint, bigint, bigint];
  /** The base that swapgs would load; `undefined` if it is not known. */
  readonly kernelGsBase?: bigint | undefined;
}

/** `user_regs_struct` without rip and what follows (include/uapi of x86). */
const FIRST = ["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"];
/** QEMU's `QEMUCPUState` of version 1 has the general registers in an order of its own. */
const QEMU_GENERAL = [
  ...["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp"],
  ...["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"],
];
const QEMU_SEGMENT_SIZE = 24;
const QEMU_SEGMENTS = 8 + 18 * 8;
const QEMU_CONTROL = QEMU_SEGMENTS + 10 * QEMU_SEGMENT_SIZE;
/** Size without kernel_gs_base, which was added later. */
const QEMU_SIZE = QEMU_CONTROL + 5 * 8;

/**
 * Notes for CPUs of x86-64 in their order, as QEMU writes them: an NT_PRSTATUS for each CPU, then a "QEMU" note for
 * each, which has CR3 and the IDT's address: crash finds the kernel through them.
 */
export function x86Notes(cpus: readonly X86Registers[]): Uint8Array {
  return Buffer.concat([
    x86RegisterNotes(cpus),
    ...cpus.map((registers) => encodeNote("QEMU", 0, qemuState(registers), true)),
  ]);
}

/** Only the NT_PRSTATUS notes, for CPUs whose other registers are not known. */
export function x86RegisterNotes(cpus: readonly X86Registers[]): Uint8Array {
  const size = factsOf("x86_64").prstatus as number;
  return Buffer.concat(cpus.map((registers, cpu) => prstatusNoteOf(cpu, userRegisters(registers), size, true)));
}

/** The same for CPUs that run 32-bit code: NT_PRSTATUS is that of i386, QEMU's own note is the same. */
export function i386Notes(cpus: readonly X86Registers[]): Uint8Array {
  const size = factsOf("i386").prstatus as number;
  return Buffer.concat([
    ...cpus.map((registers, cpu) => prstatusNoteOf(cpu, userRegisters32(registers), size, true, 4)),
    ...cpus.map((registers) => encodeNote("QEMU", 0, qemuState(registers), true)),
  ]);
}

/** `user_regs_struct` of i386. */
function userRegisters32({ general, rip, rflags, segments }: X86Registers): bigint[] {
  const of = (...names: readonly string[]) => names.map((name) => general[name] ?? 0n);
  const selectors = (...names: readonly (keyof typeof segments)[]) =>
    names.map((name) => BigInt(segments[name].selector));
  return [
    ...of("rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rax"),
    ...selectors("ds", "es", "fs", "gs"),
    0n,
    rip,
    ...selectors("cs"),
    rflags,
    ...of("rsp"),
    ...selectors("ss"),
  ];
}

function userRegisters({ general, rip, rflags, segments }: X86Registers): bigint[] {
  const { cs, ss, fs, gs, ds, es } = segments;
  const selector = ({ selector: value }: X86Segment) => BigInt(value);
  return [
    ...FIRST.map((name) => general[name] ?? 0n),
    // orig_rax: a system call that may be under way cannot be seen.
    0n,
    ...[rip, selector(cs), rflags, general["rsp"] ?? 0n, selector(ss), fs.base, gs.base],
    ...[ds, es, fs, gs].map(selector),
  ];
}

function qemuState({ general, rip, rflags, segments, gdt, idt, cr, kernelGsBase }: X86Registers): Uint8Array {
  const size = kernelGsBase === undefined ? QEMU_SIZE : QEMU_SIZE + 8;
  const desc = new Uint8Array(size);
  const view = new DataView(desc.buffer);
  view.setUint32(0, 1, true);
  view.setUint32(4, size, true);
  [...QEMU_GENERAL.map((name) => general[name] ?? 0n), rip, rflags].forEach((value, i) => {
    view.setBigUint64(8 + 8 * i, value, true);
  });
  const all: X86Segment[] = [
    ...X86_SEGMENTS.map((name) => segments[name]),
    ...[gdt, idt].map((table) => ({ selector: 0, ...table })),
  ];
  all.forEach(({ selector, base, limit = 0, flags = 0 }, i) => {
    const at = QEMU_SEGMENTS + i * QEMU_SEGMENT_SIZE;
    view.setUint32(at, selector, true);
    view.setUint32(at + 4, limit, true);
    view.setUint32(at + 8, flags, true);
    view.setBigUint64(at + 16, base, true);
  });
  [...cr, ...(kernelGsBase === undefined ? [] : [kernelGsBase])].forEach((value, i) => {
    view.setBigUint64(QEMU_CONTROL + 8 * i, value, true);
  });
  return desc;
}
