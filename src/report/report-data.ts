import { basename } from "node:path";
import type { ClassCounts } from "../filter/page-classes.js";
import type { CrashReason } from "../kernel/log/crash-reason.js";
import { PAGE_KINDS, type PageKind } from "../kernel/page/page-kinds.js";
import type { Dump } from "../reader/dump.js";
import type { Utsname } from "../reader/utsname.js";
import type { CpuCount } from "../run/cpu-notes.js";
import type { DumpWarning } from "../warnings.js";
import type { OutputFormat } from "../writer/output-format.js";
import type { CellMap } from "./cell-map.js";
import type { MemoryPlace } from "./memory-places.js";
import type { KindSum } from "./page-collector.js";
import type { StageTime } from "./stage-clock.js";

/** Everything that a report shows, as plain data. Texts are as in the dump; the page escapes them. */
export interface ReportData {
  /** Version of coresieve. */
  readonly version: string;
  readonly made: Date;
  /** Names without folders. */
  readonly files: readonly string[];
  readonly description: string;
  readonly inputBytes: number;
  readonly pageSize: number;
  readonly machine: MachineFacts;
  readonly map: CellMap;
  readonly places: readonly MemoryPlace[];
  /** The kinds that occur. */
  readonly kinds: readonly KindRow[];
  /** Present for a filter run. */
  readonly run?: RunFacts;
  /** Only without a run: what level 31 would drop, by class; `undefined` if the pages cannot be classified. */
  readonly wouldDrop?: ClassCounts;
  readonly log: LogTail;
  readonly warnings: readonly DumpWarning[];
}

/** The sums of one kind. */
export interface KindRow extends Readonly<KindSum> {
  readonly kind: PageKind;
  /** Only without a run: bytes of the sampled pages with zlib, and the number of sampled pages. */
  readonly sampled?: { readonly bytes: number; readonly pages: number; readonly zeroPages: number };
}

/** The result of a filter run. */
export interface RunFacts {
  /** Name without folder. */
  readonly output: string;
  readonly outputBytes: number;
  readonly format: OutputFormat;
  readonly codec: string;
  readonly level: number;
  readonly privacy: boolean;
  readonly incomplete: boolean;
  /** Bytes that were saved by sharing equal pages. */
  readonly sharedBytes: number;
  readonly classes: ClassCounts;
  readonly seconds: number;
  readonly stages: readonly StageTime[];
}

/** The last lines of the kernel log, or why there are none. */
export interface LogTail {
  readonly lines: readonly string[];
  /** Number of records before them. */
  readonly before: number;
  /** Why the machine crashed, if the log says so. */
  readonly crash?: CrashReason | undefined;
  readonly missing?: string;
}

/** Facts about the dump's machine and kernel. Unknown ones are `undefined`. */
export interface MachineFacts {
  readonly arch: string;
  readonly bits: number;
  readonly byteOrder: "little" | "big";
  /** 0 if it is not known; then the report does not mention it. */
  readonly cpus: number;
  readonly cpusWithRegisters: number;
  readonly memoryBytes: number;
  readonly ranges: readonly { readonly start: number; readonly end: number }[];
  readonly release: string | undefined;
  readonly kernelVersion: string | undefined;
  readonly host: string | undefined;
  readonly buildId: string | undefined;
  readonly memoryModel: string | undefined;
  readonly crashTime: Date | undefined;
  readonly notes: readonly { readonly name: string; readonly type: number; readonly size: number }[];
  readonly vmcoreinfoItems: number;
}

/** The facts of a dump; `utsname` is its kernel's, `cpus` come from its notes and its kernel's memory. */
export function machineFacts(
  dump: Dump,
  utsname: Utsname | undefined,
  memoryModel: string | undefined,
  withHost: boolean,
  { cpus, withRegisters }: CpuCount,
): MachineFacts {
  const { machine, header, vmcoreinfo: info } = dump;
  const uts = utsname ?? (header.utsname?.release ? header.utsname : undefined);
  const seconds = header.timestamp ?? info?.crashTime;
  return {
    arch: machine.arch,
    bits: machine.wordSize * 8,
    byteOrder: machine.littleEndian ? "little" : "big",
    cpus,
    cpusWithRegisters: withRegisters,
    memoryBytes: dump.ranges.reduce((sum, { start, end }) => sum + (end - start), 0),
    ranges: dump.ranges,
    release: uts?.release ?? info?.osrelease,
    kernelVersion: uts?.version,
    host: withHost ? uts?.nodename : undefined,
    buildId: info?.buildId,
    memoryModel,
    crashTime: seconds === undefined ? undefined : new Date(seconds * 1000),
    notes: dump.notes.map(({ name, type, desc }) => ({ name, type, size: desc.length })),
    vmcoreinfoItems: info?.items.size ?? 0,
  };
}

/** The sums of the kinds that occur. */
export function kindRows(sums: readonly KindSum[], sampled?: readonly KindRow["sampled"][]): KindRow[] {
  return PAGE_KINDS.map((kind, i): KindRow => {
    const sample = sampled?.[i];
    return { kind, ...(sums[i] as KindSum), ...(sample && { sampled: sample }) };
  }).filter(({ pages, absent }) => pages + absent > 0);
}

/** Names without folders, which are private. */
export function fileNames(paths: readonly string[]): string[] {
  return paths.map((path) => basename(path));
}
