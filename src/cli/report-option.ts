import { DumpError } from "../errors.js";
import { packageVersion } from "../package-version.js";
import type { Dump } from "../reader/dump.js";
import { logTail } from "../report/log-tail.js";
import { renderReport } from "../report/render-report.js";
import { RunRecorder } from "../report/run-recorder.js";
import type { FilterResult, WholeFilterOptions } from "../run/filter-dump.js";
import { openSessionAwake } from "../run/session.js";
import { Warnings } from "../warnings.js";
import { abandoned } from "../writer/abandoned.js";
import { readyFileSink } from "../writer/open-file-sink.js";
import { sameOutput } from "../writer/output-path.js";
import type { Sink } from "../writer/sink.js";

/** Writes a report about a filter run after the run has succeeded. */
export interface ReportWriter {
  /** Gets the run's progress, and observes the run. */
  readonly recorder: RunRecorder;
  /** `checkOutput` throws if another file has the output's name. */
  write(
    dump: Dump,
    options: WholeFilterOptions,
    result: FilterResult,
    seconds: number,
    checkOutput: () => void,
  ): Promise<void>;
  /** The run failed. Never throws. */
  abort(): Promise<void>;
  /** After `abort`: what could not be removed. */
  leftBehind(): string | undefined;
}

export interface ReportArguments {
  readonly report: string | undefined;
  readonly manifest: string | undefined;
  readonly force: boolean;
}

/**
 * Opens the report's file for `--report FILE` before the run, so that a name that is not possible is reported at once.
 * Throws `BAD_OPTION`, and what a file sink throws.
 */
export async function reportWriter(
  path: string,
  { manifest, force }: ReportArguments,
  inputs: readonly string[],
  output: string | undefined,
): Promise<ReportWriter> {
  if ([output, manifest].some((taken) => taken !== undefined && sameOutput(taken, path))) {
    throw new DumpError("BAD_OPTION", "the report and another output have the same name, or lead to the same file", {
      file: path,
    });
  }
  const recorder = new RunRecorder();
  const sink = await readyFileSink(path, { force }, inputs);
  return {
    recorder,
    async write(dump, options, result, seconds, checkOutput) {
      try {
        // Warnings of this session are dropped: the run has already reported them.
        const session = await openSessionAwake(dump, { ...options, warnings: new Warnings() });
        const log = logTail(session.dump);
        const data = recorder.data(options, result, log, packageVersion(), output ?? "stdout", seconds);
        checkOutput();
        await writePage(sink, renderReport(data));
        checkOutput();
      } catch (error) {
        throw await abandoned(error, sink);
      }
    },
    abort: () => sink.abort(),
    leftBehind: () => sink.leftBehind?.(),
  };
}

/** Writes the page to its file and makes the file appear. */
export async function writePage(sink: Sink, page: string): Promise<void> {
  const bytes = Buffer.from(page);
  await sink.write(bytes, 0);
  await sink.finish(bytes.length);
}
