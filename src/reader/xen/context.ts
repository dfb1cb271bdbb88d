import type { X86_SEGMENTS, X86Registers, X86Segment } from "../cpu-notes/x86_64.js";
import { fields } from "../fields.js";

/** Registers of a virtual CPU. */
export type XenContext = X86Registers;

/** `vcpu_guest_context` of x86-64 (Xen's public/arch-x86/xen.h): its size, and the offsets of its members. */
const SIZE = 5168;
const GENERAL = ["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"];
const FLAGS = 512;
const REGISTERS = 520;
/** VGCF_in_kernel: a paravirtualised kernel runs in the users' ring. */
const IN_KERNEL = 4n;
const AT = { rip: 648, cs: 656, rflags: 664, rsp: 672, ss: 680, es: 688, ds: 696, fs: 704, gs: 712 } as const;
const CONTROL = 4984;
const FS_BASE = 5144;
const KERNEL_GS_BASE = 5152;
const USER_GS_BASE = 5160;
/** Xen's own limit is 8192. */
const MAX_CPUS = 8192;

/**
 * The contexts in a section .xen_prstatus; `undefined` unless it has complete contexts of this machine. `isPv`: the
 * domain is paravirtualised.
 */
export function xenRegisters(bytes: Uint8Array, file: string, isPv = false): XenContext[] | undefined {
  const count = bytes.length / SIZE;
  if (!Number.isInteger(count) || count === 0 || count > MAX_CPUS) return undefined;
  return Array.from({ length: count }, (_, i) => contextOf(bytes.subarray(i * SIZE, (i + 1) * SIZE), file, isPv));
}

function contextOf(bytes: Uint8Array, file: string, isPv: boolean): XenContext {
  const view = fields(bytes, true, file);
  const general = Object.fromEntries(GENERAL.map((name, i) => [name, view.u64(REGISTERS + 8 * i)]));
  const segment = (at: number, base = 0n): X86Segment => ({ selector: view.u16(at), base });
  // In kernel mode GS has the kernel's base, and swapgs would load the other one.
  const inKernel = isPv ? (view.u64(FLAGS) & IN_KERNEL) !== 0n : (view.u16(AT.cs) & 3) === 0;
  // Xen also removes the ring from the selectors that it shows to such a kernel.
  const ring = (one: X86Segment): X86Segment => (isPv && inKernel ? { ...one, selector: one.selector & ~3 } : one);
  const [gs, other] = inKernel ? [KERNEL_GS_BASE, USER_GS_BASE] : [USER_GS_BASE, KERNEL_GS_BASE];
  const none: X86Segment = { selector: 0, base: 0n };
  const known: Partial<Record<(typeof X86_SEGMENTS)[number], X86Segment>> = {
    ...{ cs: ring(segment(AT.cs)), ss: ring(segment(AT.ss)), ds: segment(AT.ds), es: segment(AT.es) },
    ...{ fs: segment(AT.fs, view.u64(FS_BASE)), gs: segment(AT.gs, view.u64(gs)) },
  };
  const cr = (n: number) => view.u64(CONTROL + 8 * n);
  return {
    general: { ...general, rsp: view.u64(AT.rsp) },
    rip: view.u64(AT.rip),
    rflags: view.u64(AT.rflags),
    segments: { ...known, ldt: none, tr: none } as X86Registers["segments"],
    ...{ gdt: { base: 0n, limit: 0 }, idt: { base: 0n, limit: 0 } },
    cr: [cr(0), 0n, cr(2), cr(3), cr(4)],
    kernelGsBase: view.u64(other),
  };
}
