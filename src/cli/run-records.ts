import { DumpError, NOTHING_LEFT } from "../errors.js";
import type { Dump } from "../reader/dump.js";
import type { FileIdentity } from "../reader/source/file-identity.js";
import type { FilterProgress, FilterResult, WholeFilterOptions } from "../run/filter-dump.js";
import { shownUrl } from "../shown-address.js";
import type { RunObserver } from "../worker/run-observer.js";
import { abandoned } from "../writer/abandoned.js";
import { NamedFiles } from "../writer/named-files.js";
import type { ManifestArguments, ManifestWriter } from "./manifest-option.js";
import type { FilterRequest } from "./options/filter-request.js";
import type { ProgressDisplay } from "./progress.js";
import type { ReportArguments, ReportWriter } from "./report-option.js";

/** Files that a filter run writes in addition to its dump: a manifest, a report, both or neither. */
export interface RunRecords {
  /** The stream for a dump to stdout: it computes the manifest's digest. */
  readonly stdout: NodeJS.WritableStream;
  /** To be called when the output has its name, and is open. */
  readonly onNamed: ((file: FileIdentity) => void) | undefined;
  /** Observes the run while pages are written. */
  readonly observer: RunObserver | undefined;
  /** Gets the run's progress. */
  progress(state: FilterProgress): void;
  /** Writes the files after the dump. Throws an error that says that the dump stays. */
  write(dump: Dump, options: WholeFilterOptions, result: FilterResult, seconds: () => number): Promise<void>;
  /**
   * The run failed with this error, or wrote nothing: abandons both files, and returns the error to end with. Never
   * throws.
   */
  giveUp(error?: unknown): Promise<unknown>;
}

/**
 * Opens the files before the run, so that a name that is not possible is reported at once. Throws `BAD_OPTION`, and
 * what a file sink throws.
 */
export async function openRecords(
  args: ManifestArguments & ReportArguments,
  request: Pick<FilterRequest, "inputs" | "output" | "pack">,
  signal: AbortSignal,
  display: ProgressDisplay | undefined,
): Promise<RunRecords> {
  const { inputs, output } = request;
  const name = shownUrl(output ?? "stdout");
  const manifest = await openManifest(args, request, signal);
  const report = await openReport(args, inputs, output).catch(async (error) => {
    throw await abandoned(error, manifest);
  });
  const named = new NamedFiles();
  const isFile = output !== undefined && (manifest ?? report) !== undefined;
  const checkOutput = () => named.check();
  return {
    onNamed: isFile ? (file) => named.add(output, file) : undefined,
    stdout: manifest?.stream ?? process.stdout,
    observer: report?.recorder,
    progress: (state) => report?.recorder.progress(state),
    giveUp: (error) => abandoned(error, manifest, report),
    async write(dump, options, result, seconds) {
      const digesting = (done: number, total: number) =>
        display?.update({ phase: "digest", done: done / dump.pageSize, total: total / dump.pageSize });
      try {
        const recorded = manifest?.write(dump, options, result, checkOutput, digesting).finally(() => display?.end());
        await recorded?.catch(async (error) => {
          throw await abandoned(besideDump(error, result.incomplete, name, checkOutput), report);
        });
        await report?.write(dump, options, result, seconds(), checkOutput).catch((error) => {
          throw besideDump(error, result.incomplete, name, checkOutput, args.manifest);
        });
      } finally {
        named.letGo();
      }
    },
  };
}

// Code is only loaded for the files that the user wants.

async function openManifest(
  args: ManifestArguments,
  request: Pick<FilterRequest, "inputs" | "output" | "pack">,
  signal: AbortSignal,
): Promise<ManifestWriter | undefined> {
  if ((args.manifest ?? args.manifestDigests ?? args.sign) === undefined) return undefined;
  return (await import("./manifest-option.js")).manifestWriter(args, request.inputs, request, signal);
}

async function openReport(
  args: ReportArguments,
  inputs: readonly string[],
  output: string | undefined,
): Promise<ReportWriter | undefined> {
  if (args.report === undefined) return undefined;
  return (await import("./report-option.js")).reportWriter(args.report, args, inputs, output);
}

/** The error of such a file: the dump stays, and so does the manifest if the report failed. */
function besideDump(
  error: unknown,
  incomplete: boolean,
  dump: string,
  checkDump: () => void,
  manifest?: string,
): unknown {
  if (!(error instanceof DumpError)) return error;
  try {
    checkDump();
  } catch {
    // Someone else removed or replaced the dump, or moved its folder.
    return error.left === NOTHING_LEFT ? error.with({ left: undefined }) : error;
  }
  const how = incomplete ? "marked incomplete" : "whole";
  const too = manifest === undefined ? "" : `, and so is ${manifest}`;
  const before = error.left === undefined || error.left === NOTHING_LEFT ? "" : `; ${error.left}`;
  return error.with({ left: `the dump is there, ${how}: ${dump}${too}${before}` });
}
