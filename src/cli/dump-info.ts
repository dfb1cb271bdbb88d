import { DumpError } from "../errors.js";
import { crashReason } from "../kernel/log/crash-reason.js";
import type { LogRecord } from "../kernel/log/log-record.js";
import { logOfKernel } from "../kernel/log/read-log.js";
import type { Dump } from "../reader/dump.js";
import { cpuCount } from "../run/cpu-notes.js";
import type { Session } from "../run/own-session.js";
import type { DumpWarning } from "../warnings.js";
import { type FoundText, foundText } from "./found-texts.js";
import { noteTypeName } from "./note-names.js";

/** The reason of a crash, for JSON. */
export interface CrashInfo {
  readonly kind: string;
  readonly reason: string;
  readonly panic: string | null;
  readonly pid: number | null;
  readonly comm: string | null;
  readonly cpu: number | null;
  /** Function and offset. */
  readonly at: string | null;
}

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
export interface DumpInfo {
  readonly files: readonly string[];
  readonly fileSize: number;
  readonly format: string;
  readonly description: string;
  readonly flattened: boolean;
  readonly headerVersion: number | null;
  readonly parts: number;
  readonly codecs: readonly string[];
  readonly incomplete: boolean;
  readonly dumpLevel: number;
  /** Whether a kdump header says that struct pages of dropped pages were left out (`-e`). */
  readonly lacksStructPages: boolean;
  readonly arch: string;
  readonly wordSize: number;
  readonly byteOrder: "little" | "big";
  readonly pageSize: number;
  readonly kernelRelease: string | null;
  readonly kernelVersion: string | null;
  readonly nodename: string | null;
  readonly buildId: string | null;
  /** ISO 8601. */
  readonly crashTime: string | null;
  /** Why it crashed, according to its log; null if the log does not say it or cannot be read. */
  readonly crash: CrashInfo | null;
  /** Seconds since boot in the last line of the log. */
  readonly uptimeSeconds: number | null;
  /** null without types of the kernel, and for an object in a store. */
  readonly tasks: TaskCounts | null;
  readonly cpus: number;
  /** CPUs whose registers are in notes, or were left in memory by a crash. */
  readonly cpusWithRegisters: number;
  readonly memoryBytes: number;
  /** Physical ranges [start, end), in hexadecimal. */
  readonly ranges: readonly (readonly [string, string])[];
  readonly notes: readonly {
    readonly name: string;
    readonly type: number;
    readonly typeName: string;
    readonly size: number;
  }[];
  readonly vmcoreinfo: Readonly<Record<string, string>> | null;
  /** Physical address, in hexadecimal, where VMCOREINFO was found in memory; null if a note or header has it. */
  readonly vmcoreinfoAddress: string | null;
  /**
   * The file's notes and the texts in memory, the used one first; null if the file has one note and it was believed.
   */
  readonly vmcoreinfoFound: readonly FoundText[] | null;
  readonly filtering: { readonly possible: boolean; readonly reason: string | null; readonly cure: string | null };
  readonly memoryModel: string | null;
  /** Rough size at dump level 31 with zlib; null if it was not estimated. */
  readonly shrinksToBytes: number | null;
  readonly warnings: readonly DumpWarning[];
}

/** Collects everything that `coresieve info` reports about an opened dump. */
export async function dumpInfo(
  { dump, view, whyNoView, warnings }: Session,
  shrinksToBytes: number | null,
  tasks: TaskCounts | null,
): Promise<DumpInfo> {
  const log = logOf(dump);
  const { header, machine, vmcoreinfo } = dump;
  const utsname = view?.utsname ?? (header.utsname?.release ? header.utsname : undefined);
  const counted = await cpuCount({ dump, view });
  const seconds = header.timestamp ?? vmcoreinfo?.crashTime;
  return {
    files: dump.paths,
    fileSize: dump.fileSize,
    format: header.format === "kdump" ? "kdump-compressed" : header.format,
    description: header.description,
    flattened: header.flattened,
    headerVersion: header.headerVersion ?? null,
    parts: header.parts,
    codecs: header.codecs,
    incomplete: header.incomplete,
    dumpLevel: header.dumpLevel,
    lacksStructPages: header.lacksStructPages ?? false,
    arch: machine.arch,
    wordSize: machine.wordSize,
    byteOrder: machine.littleEndian ? "little" : "big",
    pageSize: dump.pageSize,
    kernelRelease: utsname?.release ?? vmcoreinfo?.osrelease ?? null,
    kernelVersion: utsname?.version ?? null,
    nodename: utsname?.nodename ?? null,
    buildId: vmcoreinfo?.buildId ?? null,
    crashTime: seconds === undefined ? null : new Date(seconds * 1000).toISOString(),
    crash: log === undefined ? null : crashInfo(log),
    uptimeSeconds: log === undefined ? null : uptimeOf(log),
    tasks,
    cpus: counted.cpus,
    cpusWithRegisters: counted.withRegisters,
    memoryBytes: dump.ranges.reduce((sum, { start, end }) => sum + (end - start), 0),
    ranges: dump.ranges.map(({ start, end }) => [`0x${start.toString(16)}`, `0x${end.toString(16)}`] as const),
    notes: dump.notes.map(({ name, type, desc }) => ({
      name,
      type,
      typeName: noteTypeName(name, type),
      size: desc.length,
    })),
    vmcoreinfo: vmcoreinfo === undefined ? null : Object.fromEntries(vmcoreinfo.items),
    vmcoreinfoAddress: dump.vmcoreinfoAddress === undefined ? null : `0x${dump.vmcoreinfoAddress.toString(16)}`,
    vmcoreinfoFound: dump.vmcoreinfoFound?.map(foundText) ?? null,
    filtering: { possible: view !== undefined, reason: whyNoView?.reason ?? null, cure: whyNoView?.cure ?? null },
    memoryModel: view?.memMap.model ?? null,
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

function crashInfo(log: readonly LogRecord[]): CrashInfo | null {
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
