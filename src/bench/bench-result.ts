import type { CodecName } from "../codec/codecs.js";

/** Everything that was measured, in seconds and bytes: the data of all tables. */
export interface BenchResult {
  readonly dump: BenchedDump;
  readonly machine: BenchMachine;
  /** `undefined` if only whole runs were measured. */
  readonly stages?: StageFigures;
  /** The makedumpfile that was compared. */
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

/** The machine of the measurement, and its load. */
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

/** The stages of a run, measured one by one in one thread. */
export interface StageFigures {
  readonly level: number;
  readonly codecs: readonly CodecFigures[];
  readonly stages: readonly Stage[];
  /** Number of compressed pages, without zero pages. */
  readonly samplePages: number;
  readonly machine: BenchMachine;
}

export interface Stage {
  readonly name: string;
  /** The unit of `count`: "pages", "struct pages", or nothing. */
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
  /** Bytes that would be stored for them. */
  readonly stored: number;
  readonly wall: number;
  readonly cpu: number;
}

/** The makedumpfile to compare with. With a codec that it lacks, it compresses nothing. */
export interface Reference {
  readonly program: string;
  readonly version: string;
  readonly codecs: readonly string[];
}

/** Programs that did the same work by turns. */
export interface ProgramComparison {
  readonly level: number;
  readonly codec: CodecName;
  readonly machine: BenchMachine;
  /** Programs that did not take part, and why. */
  readonly absent: readonly string[];
  readonly rows: readonly ProgramRuns[];
}

export type ContestantKind = "coresieve" | "makedumpfile" | "loop";

export interface ProgramRuns {
  readonly name: string;
  readonly kind: ContestantKind;
  readonly threads: number;
  readonly runs: readonly ProgramRun[];
  /** Number of pages in the output, including those of zeros. */
  readonly pages?: number;
  /** Why there are no runs, or not all of them. */
  readonly failure?: string;
}

export interface ProgramRun {
  readonly wall: number;
  /** User and system time; Linux only, like `rss`. */
  readonly cpu?: number;
  /** Peak resident memory. */
  readonly rss?: number;
  /** Bytes of the output. */
  readonly size?: number;
  readonly failure?: string;
}
