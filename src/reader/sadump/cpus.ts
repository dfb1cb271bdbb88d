import type { X86Registers } from "../cpu-notes/x86_64.js";
import { type Fields, fields } from "../fields.js";
import { type ByteSource, readExactly } from "../source/byte-source.js";
import type { SadumpHeader } from "./header.js";

/*
 * The sub header: number of bytes of all states, 16 bytes for each CPU (its APIC's number), and the state of each CPU,
 * which the processor saved when the firmware took over (SMRAM save area of 64-bit processors, Intel's manual, volume
 * 3C).
 */

const MAX_CPUS = 8192;
const STATE = 1024;
/** Offsets of registers in a state. */
const GENERAL = {
  ...{ r15: 796, r14: 804, r13: 812, r12: 820, r11: 828, r10: 836, r9: 844, r8: 852 },
  ...{ rax: 860, rcx: 868, rdx: 876, rbx: 884, rsp: 892, rbp: 900, rsi: 908, rdi: 916 },
} as const;
const SELECTORS = { es: 936, cs: 940, ss: 944, ds: 948, fs: 952, gs: 956, ldt: 960, tr: 964 } as const;

/** Registers of all CPUs; empty if the sub header has no room for them. */
export function readCpus(source: ByteSource, { subHeader, ramBitmap, cpus }: SadumpHeader): X86Registers[] {
  const first = subHeader + 4 + 16 * cpus;
  if (cpus > MAX_CPUS || first + STATE * cpus > ramBitmap) return [];
  return Array.from({ length: cpus }, (_, i) =>
    registersOf(fields(readExactly(source, first + STATE * i, STATE, "registers of a CPU"), true, source.name)),
  );
}

function registersOf(state: Fields): X86Registers {
  const segment = (name: keyof typeof SELECTORS) => ({ selector: state.u32(SELECTORS[name]) & 0xffff, base: 0n });
  const split = (high: number, low: number) => (BigInt(state.u32(high)) << 32n) | BigInt(state.u32(low));
  return {
    general: Object.fromEntries(Object.entries(GENERAL).map(([name, at]) => [name, state.u64(at)])),
    rip: state.u64(984),
    rflags: state.u64(1000),
    segments: {
      ...{ cs: segment("cs"), ds: segment("ds"), es: segment("es"), ss: segment("ss") },
      ...{ fs: segment("fs"), gs: segment("gs"), ldt: segment("ldt"), tr: segment("tr") },
    },
    gdt: { base: split(464, 652), limit: 0 },
    idt: { base: split(472, 660), limit: 0xfff },
    cr: [state.u64(1016), 0n, 0n, state.u64(1008), BigInt(state.u32(576))],
  };
}
