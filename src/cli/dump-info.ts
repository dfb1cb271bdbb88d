import { DumpError } from "../errors.js";
import { crashReason } from "../kernel/log/crash-reason.js";
import type { LogRecord } from "../kernel/log/log-record.js";
import { logOfKernel } from "../kernel/log/read-log.js";
import type { Dump } from "../reader/dump.js";
import { cutPages } from "../reader/kdump/cut-pages.js";
import { cpuCount } from "../run/cpu-notes.js";
import type { Session } from "../run/own-session.js";
import { foundText } from "./found-texts.js";

/** Number of tasks; each thread counts. */
export interface TaskCounts {
  readonly total: number;
  /** How many of them are the kernel's own threads. */
  readonly kernelThreads: number;
  /** Running or ready to run. */
  readonly running: number;
  /** In uninterruptible waits: a machine that hangs has many of them. */
  readonly uninterruptible: number;
}

/** Everything that `coresieve info` reports, as in its JSON. Sizes are bytes. */
export type DumpInfo = Awaited<ReturnType<typeof dumpInfo>>;

/** Collects everything that `coresieve info` reports about an opened dump. */
export async function dumpInfo(
  { dump, view, whyNoView, warnings }: Session,
  shrinksToBytes: number | null,
  tasks: TaskCounts | null,
) {
  const log = logOf(dump);
  const { header, machine, vmcoreinfo } = dump;
  const utsname = view?.utsname ?? (header.utsname?.release ? header.utsname : undefined);
  const counted = await cpuCount({ dump, view });
  const seconds = header.timestamp ?? vmcoreinfo?.crashTime;
  return {
    files: dump.paths,
    /** Of a packed input the size of its content. */
    fileSize: dump.fileSize,
    unpacked: header.unpacked ?? false,
    format: header.format === "kdump" ? "kdump-compressed" : header.format,
    description: header.description,
    flattened: header.flattened,
    headerVersion: header.headerVersion ?? null,
    parts: header.parts,
    codecs: header.codecs,
    incomplete: header.incomplete,
    /** Pages of a kdump file that ends before its last page, of those that its headers describe; null if it does not. */
    cutOff: dump.image.kind === "kdump" ? (cutPages(dump.image) ?? null) : null,
    dumpLevel: header.dumpLevel,
    /** Whether a kdump header says that struct pages of dropped pages were left out (`-e`). */
    lacksStructPages: header.lacksStructPages ?? false,
    arch: machine.arch,
    wordSize: machine.wordSize,
    byteOrder: machine.littleEndian ? "little" : "big",
    pageSize: dump.pageSize,
    kernelRelease: utsname?.release ?? vmcoreinfo?.osrelease ?? null,
    kernelVersion: utsname?.version ?? null,
    nodename: utsname?.nodename ?? null,
    buildId: vmcoreinfo?.buildId ?? null,
    /** ISO 8601. */
    crashTime: seconds === undefined ? null : new Date(seconds * 1000).toISOString(),
    /** Why it crashed, according to its log; null if the log does not say it or cannot be read. */
    crash: log === undefined ? null : crashInfo(log),
    /** Seconds since boot in the last line of the log. */
    uptimeSeconds: log === undefined ? null : uptimeOf(log),
    /** null without types of the kernel, and for an object in a store. */
    tasks,
    cpus: counted.cpus,
    /** CPUs whose registers are in notes, or were left in memory by a crash. */
    cpusWithRegisters: counted.withRegisters,
    memoryBytes: dump.ranges.reduce((sum, { start, end }) => sum + (end - start), 0),
    /** Physical ranges [start, end), in hexadecimal. */
    ranges: dump.ranges.map(({ start, end }) => [`0x${start.toString(16)}`, `0x${end.toString(16)}`] as const),
    notes: dump.notes.map(({ name, type, desc }) => ({
      name,
      type,
      typeName: noteTypeName(name, type),
      size: desc.length,
    })),
    vmcoreinfo: vmcoreinfo === undefined ? null : Object.fromEntries(vmcoreinfo.items),
    /** Physical address, in hexadecimal, where VMCOREINFO was found in memory; null if a note or header has it. */
    vmcoreinfoAddress: dump.vmcoreinfoAddress === undefined ? null : `0x${dump.vmcoreinfoAddress.toString(16)}`,
    /** The file's notes and the texts in memory, the used one first; null if the file has one note and it was believed. */
    vmcoreinfoFound: dump.vmcoreinfoFound?.map(foundText) ?? null,
    filtering: { possible: view !== undefined, reason: whyNoView?.reason ?? null, cure: whyNoView?.cure ?? null },
    memoryModel: view?.memMap.model ?? null,
    /** Rough size at dump level 31 with zlib; null if it was not estimated. */
    shrinksToBytes,
    warnings: warnings.list,
  };
}

/** The kernel's log; `undefined` if the dump has none that can be read. */
function logOf(dump: Dump): readonly LogRecord[] | undefined {
  try {
    return logOfKernel(dump).records;
  } catch (error) {
    if (error instanceof DumpError) return undefined;
    throw error;
  }
}

/** The reason of a crash; `at` is the function and the offset. */
function crashInfo(log: readonly LogRecord[]) {
  const found = crashReason(log);
  if (found === undefined) return null;
  const { kind, reason, panic, task, cpu, at } = found;
  return {
    ...{ kind, reason },
    panic: panic ?? null,
    pid: task?.pid ?? null,
    comm: task?.comm ?? null,
    cpu: cpu ?? null,
    at: at ?? null,
  };
}

function uptimeOf(log: readonly LogRecord[]): number | null {
  const last = log.findLast(({ nanoseconds }) => nanoseconds !== undefined)?.nanoseconds;
  return last === undefined ? null : Number(last / 1_000_000n) / 1000;
}

/** Names of ELF note types by their owner (include/uapi/linux/elf.h). */
const CORE: ReadonlyMap<number, string> = new Map([
  [1, "NT_PRSTATUS"],
  [2, "NT_PRFPREG"],
  [3, "NT_PRPSINFO"],
  [4, "NT_TASKSTRUCT"],
  [6, "NT_AUXV"],
  [0x46494c45, "NT_FILE"],
  [0x53494749, "NT_SIGINFO"],
]);
const LINUX: ReadonlyMap<number, string> = new Map([
  [0x100, "NT_PPC_VMX"],
  [0x102, "NT_PPC_VSX"],
  [0x202, "NT_X86_XSTATE"],
  [0x300, "NT_S390_HIGH_GPRS"],
  [0x301, "NT_S390_TIMER"],
  [0x302, "NT_S390_TODCMP"],
  [0x303, "NT_S390_TODPREG"],
  [0x304, "NT_S390_CTRS"],
  [0x305, "NT_S390_PREFIX"],
  [0x309, "NT_S390_VXRS_LOW"],
  [0x30a, "NT_S390_VXRS_HIGH"],
  [0x400, "NT_ARM_VFP"],
]);

/** The name of a note for people: "NT_PRSTATUS", or its owner and number. */
function noteTypeName(owner: string, type: number): string {
  if (owner === "VMCOREINFO") return "VMCOREINFO";
  if (owner === "QEMU") return "QEMU CPU state";
  const known = owner === "CORE" ? CORE.get(type) : owner === "LINUX" ? LINUX.get(type) : undefined;
  return known ?? `${owner} type 0x${type.toString(16)}`;
}
