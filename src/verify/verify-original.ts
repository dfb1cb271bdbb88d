import { DumpError } from "../errors.js";
import type { RecordedRun } from "../manifest/read-manifest.js";
import type { PageBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { openInput } from "../reader/open-input.js";
import { inputChanged, maySeeChanges } from "../reader/source/input-changed.js";
import { reportSearch } from "../run/own-session.js";
import { openOriginalSession } from "../run/session.js";
import { Warnings } from "../warnings.js";
import type { WorkerThreads } from "../worker/threads.js";
import type { Findings } from "./findings.js";
import { type Comparison, compareDumps } from "./verify-against.js";
import { sameAsRead } from "./verify-manifest.js";
import { digestContext, type VerifyOptions } from "./verify-options.js";

/** A dump whose own pages have been checked. */
export interface CheckedDump {
  /** Complete (`completeWithKernel`). */
  readonly dump: Dump;
  /** Pages that the dump can provide, and those that it should. */
  readonly readable: PageBitmap;
  readonly promised: PageBitmap;
  readonly findings: Findings;
  readonly threads: WorkerThreads;
  readonly options: VerifyOptions;
  /** The record of its run in the manifest, if there is one. */
  readonly recorded: RecordedRun | undefined;
}

/**
 * Opens the original and compares every page with it; if a manifest records what the run read, also checks that it was
 * this original. Throws what opening the original throws.
 */
export async function compareWithOriginal(
  given: NonNullable<VerifyOptions["against"]>,
  { dump, readable, promised, findings, threads, options, recorded }: CheckedDump,
): Promise<{
  readonly comparison: Comparison;
  readonly sameInput: boolean | undefined;
  /** Of bare memory, which a machine may be writing to. */
  readonly change: DumpError | undefined;
}> {
  const { signal, onProgress } = options;
  const original = isDump(given) ? given : await openOriginal(given, options);
  try {
    const session = await openOriginalSession(original, dump, {
      ...options,
      onReached: reportSearch(original, onProgress),
    });
    const done = (pages: number, total: number) => onProgress?.({ phase: "compare", done: pages, total });
    const context = { threads, signal, findings, vmlinux: options.vmlinux, done };
    const comparison = await compareDumps(dump, session, readable, promised, context);
    const sameInput = recorded && (await sameAsRead(original, recorded, findings, digestContext(options)));
    const change = inputChanged(original.image);
    if (change !== undefined && !maySeeChanges(original)) throw change;
    return { comparison, sameInput, change };
  } finally {
    if (original !== given) original.close();
  }
}

/** The options of a memory image need not fit its original, which may be a dump with headers. */
async function openOriginal(paths: string | readonly string[], { open = {}, signal }: VerifyOptions): Promise<Dump> {
  const stop = signal && { signal };
  try {
    return await openInput(paths, new Warnings(), { ...open, ...stop });
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "BAD_OPTION") throw error;
    const { raw, machine, ...others } = open;
    if (raw === undefined && machine === undefined) throw error;
    return openInput(paths, new Warnings(), { ...others, ...stop }).catch(() => {
      throw error;
    });
  }
}

const isDump = (given: NonNullable<VerifyOptions["against"]>): given is Dump =>
  typeof given === "object" && "image" in given;
