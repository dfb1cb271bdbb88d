import { prstatusNoteOf } from "../cpu-notes/encode-notes.js";
import { type S390Registers, s390Notes } from "../cpu-notes/s390x.js";
import { i386Notes, X86_GENERAL, type X86Registers, type X86Segment, x86Notes } from "../cpu-notes/x86_64.js";
import { type Arch, factsOf, type Machine } from "../machine.js";
import type { DeviceState } from "./devices.js";

/** Registers as notes, and the machine that they belong to. */
export interface CpuNotes {
  readonly noteArea: Uint8Array;
  /** i386, if 32-bit code runs on x86-64. */
  readonly arch: Arch;
  /** Number of CPUs whose state was not usable. If there are any, there are no notes. */
  readonly failed: number;
}

/**
 * The notes of all CPUs, from the fields of their states, by name (the same in QEMU 7.2 and 11.1). If a CPU lacks a
 * register, there are no notes at all: readers count the notes, and take the first one for CPU 0.
 */
export function savedCpuNotes(cpus: readonly DeviceState[], { arch, littleEndian }: Machine): CpuNotes {
  const ordered = [...cpus].sort((a, b) => a.instance - b.instance);
  if (arch === "x86_64" || arch === "i386") return x86CpuNotes(ordered);
  if (arch === "s390x") return whole(ordered.map(s390Registers), arch, s390Notes);
  const registers = USER_REGISTERS[arch];
  const size = factsOf(arch).prstatus;
  if (registers === undefined || size === undefined) return { noteArea: NO_NOTES, arch, failed: 0 };
  return whole(ordered.map(registers), arch, (all) =>
    Buffer.concat(all.map((one, cpu) => prstatusNoteOf(cpu, one, size, littleEndian))),
  );
}

const NO_NOTES = new Uint8Array(0);

function whole<T>(found: readonly (T | undefined)[], arch: Arch, encode: (all: readonly T[]) => Uint8Array): CpuNotes {
  const all = found.filter((one) => one !== undefined);
  const failed = found.length - all.length;
  return { noteArea: failed > 0 ? NO_NOTES : encode(all), arch, failed };
}

/** In EFER: long mode is active. */
const LONG_MODE = 1n << 10n;

function x86CpuNotes(cpus: readonly DeviceState[]): CpuNotes {
  const found = cpus.map(x86Registers);
  // The first CPU decides, as in QEMU's own dumps.
  const long = (cpus[0]?.value("env.efer") ?? LONG_MODE) & LONG_MODE;
  return long === 0n ? whole(found, "i386", i386Notes) : whole(found, "x86_64", x86Notes);
}

function x86Registers(cpu: DeviceState): X86Registers | undefined {
  const general = cpu.values("env.regs", 16);
  const [rip, rflags] = [cpu.value("env.eip"), cpu.value("env.eflags")];
  const segment = (name: string): X86Segment | undefined => {
    const [selector, base, limit, flags] = ["selector", "base", "limit", "flags"].map((part) =>
      cpu.value(`${name}.${part}`),
    );
    if (selector === undefined || base === undefined || limit === undefined || flags === undefined) return undefined;
    return { selector: Number(selector), base, limit: Number(limit), flags: Number(flags) };
  };
  const [es, cs, ss, ds, fs, gs] = [0, 1, 2, 3, 4, 5].map((i) => segment(`env.segs[${i}]`));
  const [ldt, tr, gdt, idt] = ["env.ldt", "env.tr", "env.gdt", "env.idt"].map(segment);
  const [cr0, cr2, cr3, cr4] = [0, 2, 3, 4].map((n) => cpu.value(`env.cr[${n}]`));
  if (general === undefined || rip === undefined || rflags === undefined) return undefined;
  if (!es || !cs || !ss || !ds || !fs || !gs || !ldt || !tr || !gdt || !idt) return undefined;
  if (cr0 === undefined || cr2 === undefined || cr3 === undefined || cr4 === undefined) return undefined;
  return {
    general: Object.fromEntries(X86_GENERAL.map((name, i) => [name, general[i] as bigint])),
    ...{ rip, rflags, gdt: tableOf(gdt), idt: tableOf(idt) },
    segments: { cs, ds, es, fs, gs, ss, ldt, tr },
    cr: [cr0, 0n, cr2, cr3, cr4],
    kernelGsBase: cpu.value("env.kernelgsbase"),
  };
}

function tableOf({ base, limit = 0 }: X86Segment): { base: bigint; limit: number } {
  return { base, limit };
}

function s390Registers(cpu: DeviceState): S390Registers | undefined {
  const [pswMask, pswAddress, prefix] = [cpu.value("env.psw.mask"), cpu.value("env.psw.addr"), cpu.value("env.psa")];
  const [general, access, control] = [
    cpu.values("env.regs", 16),
    cpu.values("env.aregs", 16),
    cpu.values("env.cregs", 16),
  ];
  if (pswMask === undefined || pswAddress === undefined || prefix === undefined) return undefined;
  if (general === undefined || access === undefined || control === undefined) return undefined;
  const vector = (half: 0 | 1) =>
    Array.from(
      { length: 32 },
      (_, i) => cpu.value(`cpu/${half === 0 && i < 16 ? "fpu" : "vregs"}.env.vregs[${i}][${half}]`) ?? 0n,
    );
  return {
    ...{ pswMask, pswAddress, prefix, general, access, control },
    timer: cpu.value("env.cputm") ?? 0n,
    clockComparator: cpu.value("env.ckc") ?? 0n,
    todProgrammable: cpu.value("env.todpr") ?? 0n,
    floatControl: cpu.value("cpu/fpu.env.fpc") ?? 0n,
    ...{ vectorHigh: vector(0), vectorLow: vector(1) },
  };
}

/** The registers of NT_PRSTATUS in its order (`user_regs_struct`, `pt_regs`), for machines with no other notes. */
const USER_REGISTERS: Partial<Record<Arch, (cpu: DeviceState) => bigint[] | undefined>> = {
  /** x0 to x30, sp, pc, pstate. */
  arm64: (cpu) => joined(cpu.values("env.xregs", 32), one(cpu, "env.pc"), one(cpu, "cpsr")),
  /** pc, x1 to x31. */
  riscv64: (cpu) => joined(one(cpu, "env.pc"), cpu.values("env.gpr", 32)?.slice(1)),
  /** 32 general registers, a system call's first argument, the interrupted address and the bad address. */
  loongarch64: (cpu) =>
    joined(cpu.values("env.gpr", 32), [0n], loongarchControl(cpu, "CSR_ERA"), loongarchControl(cpu, "CSR_BADV")),
  /** 32 general registers, nip, msr, orig_gpr3, ctr, link, xer, ccr. */
  ppc64(cpu) {
    const special = (number: number) => {
      const value = cpu.value("env.spr", number);
      return value === undefined ? undefined : [value];
    };
    const fields = cpu.values("env.crf", 8);
    const condition = fields?.reduce((all, field) => (all << 4n) | (field & 15n), 0n);
    return joined(
      ...[cpu.values("env.gpr", 32), one(cpu, "env.nip"), one(cpu, "env.msr"), [0n]],
      ...[special(9), special(8), special(1), condition === undefined ? undefined : [condition]],
    );
  },
};

function one(cpu: DeviceState, field: string): bigint[] | undefined {
  return cpu.values(field, 1);
}

/** QEMU 11 has the control registers in an array with one element. */
function loongarchControl(cpu: DeviceState, name: string): bigint[] | undefined {
  return one(cpu, `env.sys_states[0].${name}`) ?? one(cpu, `env.${name}`);
}

function joined(...parts: readonly (readonly bigint[] | undefined)[]): bigint[] | undefined {
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
}
