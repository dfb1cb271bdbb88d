import { factsOf } from "../machine.js";
import { encodeNote, prstatusNoteOf } from "./encode-notes.js";

/** Registers of a virtual CPU of s390x. */
export interface S390Registers {
  readonly pswMask: bigint;
  readonly pswAddress: bigint;
  /** 16 general and 16 access registers. */
  readonly general: readonly bigint[];
  readonly access: readonly bigint[];
  readonly control: readonly bigint[];
  readonly prefix: bigint;
  readonly timer: bigint;
  readonly clockComparator: bigint;
  readonly todProgrammable: bigint;
  readonly floatControl: bigint;
  /**
   * 32 vector registers, as the upper and the lower half of each; floating point registers are the upper halves of the
   * first 16.
   */
  readonly vectorHigh: readonly bigint[];
  readonly vectorLow: readonly bigint[];
}

const NT_FPREGSET = 2;
/** Types of notes of the owner "LINUX" (include/uapi/linux/elf.h). */
const NT_S390 = {
  timer: 0x301,
  todcmp: 0x302,
  todpreg: 0x303,
  ctrs: 0x304,
  prefix: 0x305,
  vxrsLow: 0x309,
  vxrsHigh: 0x30a,
} as const;

/**
 * Notes for CPUs of s390x, one CPU after the other, in the form in which QEMU writes them (without the notes of guarded
 * storage).
 */
export function s390Notes(cpus: readonly S390Registers[]): Uint8Array {
  return Buffer.concat(cpus.flatMap(notesOf));
}

function notesOf(cpu: S390Registers, number: number): Uint8Array[] {
  const size = factsOf("s390x").prstatus as number;
  const linux = (type: number, desc: Uint8Array) => encodeNote("LINUX", type, desc, false);
  const pairs = cpu.vectorHigh.slice(16).flatMap((high, i) => [high, cpu.vectorLow[16 + i] ?? 0n]);
  return [
    prstatusNoteOf(number, [cpu.pswMask, cpu.pswAddress, ...cpu.general, ...paired(cpu.access)], size, false),
    encodeNote("CORE", NT_FPREGSET, words([cpu.floatControl << 32n, ...cpu.vectorHigh.slice(0, 16)]), false),
    linux(NT_S390.prefix, words([cpu.prefix << 32n]).subarray(0, 4)),
    linux(NT_S390.ctrs, words(cpu.control)),
    linux(NT_S390.timer, words([cpu.timer])),
    linux(NT_S390.todcmp, words([cpu.clockComparator])),
    linux(NT_S390.todpreg, words([cpu.todProgrammable << 32n]).subarray(0, 4)),
    linux(NT_S390.vxrsLow, words(cpu.vectorLow.slice(0, 16))),
    linux(NT_S390.vxrsHigh, words(pairs)),
  ];
}

/** Combines pairs of registers of 32 bits to registers of 64 bits. */
function paired(registers: readonly bigint[]): bigint[] {
  return registers.filter((_, i) => i % 2 === 0).map((first, i) => (first << 32n) | (registers[2 * i + 1] ?? 0n));
}

function words(values: readonly bigint[]): Uint8Array {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => {
    bytes.writeBigUInt64BE(BigInt.asUintN(64, value), 8 * i);
  });
  return bytes;
}
