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

/** Why a machine crashed, as it stands in JSON. */
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

/** How many tasks there were, threads counted each. */
export interface TaskCounts {
  readonly total: number;
  /** Of them threads of the kernel's own. */
  readonly kernelThreads: number;
  /** Running, or ready to. */
  readonly running: number;
  /** Waiting for something that cannot be interrupted: many of them in a machine that hangs. */
  readonly uninterruptible: number;
}

/** Everything `coresieve info` tells, as it stands in its JSON. Sizes are bytes. */
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
  /** Struct pages of dropped pages were left out (`-e`), as a kdump header says. */
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
  /** Why it crashed, by its log; null if the log says nothing, or cannot be read. */
  readonly crash: CrashInfo | null;
  /** Seconds since boot, of the last line of the log. */
  readonly uptimeSeconds: number | null;
  /** null without types of the kernel, and of an object in a store. */
  readonly tasks: TaskCounts | null;
  readonly cpus: number;
  /** CPUs whose registers are in notes, or where a crash left them in memory. */
  readonly cpusWithRegisters: number;
  readonly memoryBytes: number;
  /** Physical ranges [start, end), hexadecimal. */
  readonly ranges: readonly (readonly [string, string])[];
  readonly notes: readonly {
    readonly name: string;
    readonly type: number;
    readonly typeName: string;
    readonly size: number;
  }[];
  readonly vmcoreinfo: Readonly<Record<string, string>> | null;
  /** Physical address, hexadecimal, where VMCOREINFO was found in memory; null if the dump has it itself. */
  readonly vmcoreinfoAddress: string | null;
  /** The file's notes and the texts in memory, the one taken first; null if the file's one note was believed. */
  readonly vmcoreinfoFound: readonly FoundText[] | null;
  readonly filtering: { readonly possible: boolean; readonly reason: string | null; readonly cure: string | null };
  readonly memoryModel: string | null;
  /** Roughly, at dump level 31 with zlib; null if it was not estimated. */
  readonly shrinksToBytes: number | null;
  readonly warnings: readonly DumpWarning[];
}

/** All that `coresieve info` says of an opened dump. */
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

/** Its log, if the dump has one that can be read. */
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
