import { type X86Registers, type X86Segment, x86RegisterNotes } from "../cpu-notes/x86_64.js";
import { fields } from "../fields.js";
import type { Note } from "../notes.js";

/*
 * Notes of `VBoxManage debugvm NAME dumpvmcore` for each CPU (VirtualBox's include/VBox/vmm/dbgfcorefmt.h): "VBCPU",
 * with 18 registers, six segments of 24 bytes, and control registers.
 */

const TYPE = 0xb01;
const GENERAL = [
  "rax",
  "rbx",
  "rcx",
  "rdx",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
  "rip",
  "rsp",
  "rbp",
  "rflags",
];
const SEGMENTS = 144;
const SEGMENT_SIZE = 24;
const CONTROL = 288;
const LEAST = 320;

/**
 * NT_PRSTATUS notes for the CPUs of VirtualBox's notes, in their order; empty if there are none, or if one is too
 * short.
 */
export function virtualBoxNotes(notes: readonly Note[], file: string): Uint8Array {
  const cpus = notes.filter(({ name, type }) => name === "VBCPU" && type === TYPE);
  if (cpus.length === 0 || cpus.some(({ desc }) => desc.length < LEAST)) return new Uint8Array(0);
  return x86RegisterNotes(cpus.map(({ desc }) => registersOf(desc, file)));
}

function registersOf(desc: Uint8Array, file: string): X86Registers {
  const view = fields(desc, true, file);
  const values = Object.fromEntries(GENERAL.map((name, i) => [name, view.u64(8 * i)]));
  const { rip = 0n, rflags = 0n, ...general } = values;
  const segment = (i: number): X86Segment => {
    const at = SEGMENTS + i * SEGMENT_SIZE;
    return { base: view.u64(at), limit: view.u32(at + 8), flags: view.u32(at + 12), selector: view.u16(at + 16) };
  };
  const [cs, ds, es, fs, gs, ss] = [0, 1, 2, 3, 4, 5].map(segment) as [
    X86Segment,
    X86Segment,
    X86Segment,
    X86Segment,
    X86Segment,
    X86Segment,
  ];
  const none: X86Segment = { selector: 0, base: 0n };
  const cr = (n: number) => view.u64(CONTROL + 8 * n);
  return {
    ...{ general, rip, rflags, segments: { cs, ds, es, fs, gs, ss, ldt: none, tr: none } },
    ...{ gdt: { base: 0n, limit: 0 }, idt: { base: 0n, limit: 0 } },
    cr: [cr(0), 0n, cr(1), cr(2), cr(3)],
  };
}
