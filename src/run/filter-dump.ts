import { abortedError, DumpError, throwIfAborted } from "../errors.js";
import { onlyGiven } from "../only-given.js";
import { aDump, checkArgument, closedProblem } from "../option-shape.js";
import type { Dump } from "../reader/dump.js";
import type { PhysicalRange } from "../reader/physical-memory.js";
import { fetchedOf } from "../reader/source/fetched.js";
import { checkUnchanged, inputChanged } from "../reader/source/input-changed.js";
import { surroundingsError } from "../surroundings.js";
import { Warnings } from "../warnings.js";
import { encodeDump } from "../worker/encode-dump.js";
import type { WorkerPool } from "../worker/pool.js";
import { WorkerThreads } from "../worker/threads.js";
import { abandoned } from "../writer/abandoned.js";
import type { DumpWriter } from "../writer/dump-writer.js";
import { describeOutput } from "../writer/output-description.js";
import { type OutputFormat, outputFormatFacts } from "../writer/output-format.js";
import { SharedPages } from "../writer/shared-pages.js";
import { checkOptions } from "./check-options.js";
import { checkValues, wholeFilterOptions } from "./check-values.js";
import type { FilterOptions, FilterResult, FullBy, WholeFilterOptions } from "./filter-types.js";
import { type OpenedOutput, openOutput } from "./open-output.js";
import { openOwnSession, reportSearch, type Session } from "./own-session.js";
import { type PlannedDump, planDump } from "./plan-dump.js";

export type {
  FilterOptions,
  FilterOutput,
  FilterProgress,
  FilterResult,
  FullBy,
  WholeFilterOptions,
} from "./filter-types.js";

/**
 * Filters a dump: classifies its pages, drops those of the level's classes, compresses the others in worker threads
 * and writes them. The output is the same, byte for byte, for any number of workers. Throws `DumpError`s; then no
 * output is left behind.
 */
export async function filterDump(input: Dump, given: FilterOptions): Promise<FilterResult> {
  checkValues(given);
  const options = wholeFilterOptions(given);
  checkArgument("input", input, aDump);
  const { fallbackLevels = [], onFull = "nothing", warnings = new Warnings() } = options;
  checkOptions(options);
  if (options.erase) (await import("../filter/erase/erase-run.js")).eraseRequest(options.erase);
  throwIfAborted(options.signal);
  const open = options.vmlinux === undefined ? openOwnSession : (await import("./session.js")).openSessionAwake;
  const session = await open(input, { ...options, warnings, onReached: reportSearch(input, options.onProgress) });
  const threads = options.workers instanceof WorkerThreads ? options.workers : new WorkerThreads(options.workers);
  const once = { ...options, warnings, workers: threads };
  try {
    let level = options.level;
    for (const next of fallbackLevels) {
      const forget = warnings.mark();
      try {
        return await filterOnce(session, { ...once, level, onFull: "nothing" });
      } catch (error) {
        if (!isFull(error)) throw error;
        forget();
        warnings.add("NEXT_LEVEL", `level ${level} did not fit, level ${next} was tried: ${error.summary}`);
        level = next;
      }
    }
    return await filterOnce(session, { ...once, level, onFull });
  } finally {
    if (threads !== options.workers) await threads.destroy();
  }
}

/** Options with threads that are started, and the session's warnings. */
interface AttemptOptions extends WholeFilterOptions {
  readonly workers: WorkerThreads;
}

/** Whether an error says that the output is full. */
export function isFull(error: unknown): error is DumpError & { readonly code: FullBy } {
  return error instanceof DumpError && (error.code === "NO_SPACE" || error.code === "SIZE_LIMIT");
}

/** One attempt, at one level. */
async function filterOnce(session: Session, options: AttemptOptions): Promise<FilterResult> {
  const { dump, warnings } = session;
  const threads = options.workers;
  let output: OpenedOutput | undefined;
  let pool: WorkerPool | undefined;
  try {
    output = await openOutput(options, dump);
    const { destination } = output;
    await destination.ready?.();
    const planned = await planDump(session, options, threads);
    const { plan, kept } = planned;
    pool = planned.pool;
    const shared = options.dedupe === true ? new SharedPages(kept) : undefined;
    if (shared !== undefined) pool.chooseHashKey();
    const writer = output.writer(describeOutput(planned, options.format, options.codec.name), plan, shared);
    options.observer?.begin(dump, planned.view, plan);
    await writer.begin();
    if (options.onFull === "incomplete") await writer.reserve?.();
    let cleared = 0;
    const report = (pages: number, strictBytes: number) => {
      cleared = strictBytes;
      options.onProgress?.({ phase: "write", done: pages, total: kept });
    };
    report(0, 0);
    const { zeroPages, outputBytes, notWritten, full, fullBy } = await writeAll(
      async () => {
        const zeros = await encodeDump(planned.pool, plan, planned.dropsZeros, writer, report, options.observer);
        return { zeroPages: zeros, outputBytes: await writer.end(), notWritten: 0, ...NOT_FULL };
      },
      writer,
      kept,
      options,
    );
    throwIfAborted(options.signal);
    throwIfClosed(dump);
    checkUnchanged(dump, warnings);
    const sentBytes = await unlessStopped(destination.finish(outputBytes), options.signal);
    const [fetched, upload] = [fetchedOf(dump.image), destination.upload?.()];
    const result = planned.result({ zeroPages, outputBytes: sentBytes ?? outputBytes, cleared });
    const image = imageResult(options.format, planned, zeroPages, outputBytes);
    return {
      ...result,
      ...image,
      ...onlyGiven({ fetched, upload }),
      incomplete: result.incomplete || full !== undefined,
      ...{ notWritten, full, fullBy, shared: shared?.counts },
      ...("pack" in options.output && options.output.pack ? { unpackedBytes: outputBytes } : {}),
    };
  } catch (failed) {
    const { extension } = options;
    const error =
      extension === undefined
        ? failed
        : (await import("../worker/extension/extend-dump.js")).blamedOnExtension(failed, extension);
    throw await abandoned(surroundingsError(error) ?? changedInstead(error, dump), output?.destination);
  } finally {
    await pool?.end();
  }
}

function throwIfClosed(dump: Dump): void {
  const closed = closedProblem(dump);
  if (closed !== undefined) throw closed;
}

/** Waits for work, but not after a stop: an upload may have much to send at its end. Throws `ABORTED`. */
function unlessStopped<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = () => reject(abortedError());
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/**
 * Replaces the error if the input was changed or closed meanwhile: contradictions in a changed file are not damage, and
 * a closed file is not a fault of the disk.
 */
function changedInstead(error: unknown, dump: Dump): unknown {
  const closed = error instanceof DumpError && error.code !== "ABORTED" ? closedProblem(dump) : undefined;
  if (closed !== undefined) return closed;
  const damage = error instanceof DumpError && ["TRUNCATED", "CORRUPT", "CANNOT_FILTER"].includes(error.code);
  return (damage ? inputChanged(dump.image) : undefined) ?? error;
}

const NOT_FULL = { full: undefined, fullBy: undefined } as const;

/** The result of pass 2. */
interface Written {
  readonly zeroPages: number;
  readonly outputBytes: number;
  readonly notWritten: number;
  readonly full: string | undefined;
  readonly fullBy: FullBy | undefined;
}

/** Runs pass 2. If the output gets full and the options allow it, makes a dump of the pages that were written. */
async function writeAll(
  run: () => Promise<Written>,
  writer: DumpWriter,
  kept: number,
  { onFull, warnings }: WholeFilterOptions,
): Promise<Written> {
  try {
    return await run();
  } catch (error) {
    if (onFull !== "incomplete" || !isFull(error) || writer.cutShort === undefined) throw error;
    const { size, pages, zeroPages } = await writer.cutShort();
    if (pages === 0) throw error;
    warnings?.add("NOT_WRITTEN", "pages had no room in the output, which is marked incomplete", kept - pages);
    return { zeroPages, outputBytes: size, notWritten: kept - pages, full: error.summary, fullBy: error.code };
  }
}

/** The part of a run's result for an image of memory, `size` bytes long; empty for other outputs. */
function imageResult(
  format: OutputFormat,
  { dump, plan, kept }: Pick<PlannedDump, "dump" | "plan" | "kept">,
  zeroPages: number,
  size: number,
): Pick<FilterResult, "holeBytes" | "memory"> {
  if (outputFormatFacts(format).holdsNotes) return {};
  const { pageSize } = dump;
  if (format === "lime") return { holeBytes: zeroPages * pageSize };
  const end = plan.maxMapnr * pageSize;
  const memory = dump.ranges.filter(({ start }) => start < end).map((range) => clipped(range, end));
  return { holeBytes: size - (kept - zeroPages) * pageSize, memory };
}

function clipped({ start, end }: PhysicalRange, most: number): PhysicalRange {
  return { start, end: Math.min(end, most) };
}
