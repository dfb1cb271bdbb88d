import type { CodecName } from "../codec/codecs.js";

/** What is measured: everything a table is made of. Seconds and bytes. */
export interface BenchResult {
  readonly dump: BenchedDump;
  readonly machine: BenchMachine;
  /** `undefined`: only whole runs were measured. */
  readonly stages?: StageFigures;
  /** The makedumpfile that took part. */
  readonly reference?: Reference;
  readonly comparisons: readonly ProgramComparison[];
}

export interface BenchedDump {
  readonly format: string;
  readonly description: string;
  readonly kernelRelease: string | undefined;
  readonly arch: string;
  readonly pageSize: number;
  readonly memoryBytes: number;
  readonly fileSize: number;
  readonly memoryModel: string | undefined;
}

/** The machine that something was measured on, and how busy it was then. */
export interface BenchMachine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory: number;
  readonly kernel: string;
  readonly node: string;
  readonly coresieve: string;
  /** Load averages of 1, 5 and 15 minutes. */
  readonly load: readonly number[];
  /** Share of the last minute in which something waited for a processor, in percent; Linux only. */
  readonly pressure: number | undefined;
  /** Whether outputs went to a disk, not to a memory file system. */
  readonly outputOnDisk: boolean;
  /** ISO 8601. */
  readonly date: string;
}

/** The stages of a run, one by one in one thread. */
export interface StageFigures {
  readonly level: number;
  readonly codecs: readonly CodecFigures[];
  readonly stages: readonly Stage[];
  /** Pages compressed, none of them zero. */
  readonly samplePages: number;
  readonly machine: BenchMachine;
}

export interface Stage {
  readonly name: string;
  /** What was counted: "pages", "struct pages", or nothing. */
  readonly unit: string;
  readonly count: number;
  readonly bytes: number;
  readonly wall: number;
  readonly cpu: number;
}

export interface CodecFigures {
  readonly codec: CodecName;
  readonly level: number | undefined;
  readonly bytes: number;
  /** What would be stored of them. */
  readonly stored: number;
  readonly wall: number;
  readonly cpu: number;
}

/** The makedumpfile that is compared with. Asked for a codec that it lacks, it compresses nothing. */
export interface Reference {
  readonly program: string;
  readonly version: string;
  readonly codecs: readonly string[];
}

/** Programs that did the same work in turn. */
export interface ProgramComparison {
  readonly level: number;
  readonly codec: CodecName;
  readonly machine: BenchMachine;
  /** Who did not take part, and why. */
  readonly absent: readonly string[];
  readonly rows: readonly ProgramRuns[];
}

export type ContestantKind = "coresieve" | "makedumpfile" | "loop";

export interface ProgramRuns {
  readonly name: string;
  readonly kind: ContestantKind;
  readonly threads: number;
  readonly runs: readonly ProgramRun[];
  /** Pages in the output, those of zeros included. */
  readonly pages?: number;
  /** Why there are no runs, or not all. */
  readonly failure?: string;
}

export interface ProgramRun {
  readonly wall: number;
  /** User and system; Linux only, as is `rss`. */
  readonly cpu?: number;
  /** Peak resident memory. */
  readonly rss?: number;
  /** Bytes of the output. */
  readonly size?: number;
  readonly failure?: string;
}
