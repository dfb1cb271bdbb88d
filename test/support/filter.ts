/** Running the program's own filter within the test, into a folder that goes away. */

import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type CodecName, codecOf } from "../../src/codec/codecs.js";
import type { PrivacyExtra, PrivacyKeep } from "../../src/filter/privacy/privacy-names.js";
import { openDump } from "../../src/reader/open.js";
import type { OpenOptions } from "../../src/reader/open-sources.js";
import { type FilterOptions, type FilterResult, filterDump } from "../../src/run/filter-dump.js";
import { Warnings } from "../../src/warnings.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { afterFile } from "./after-file.js";

/** A folder for outputs, removed at the end of the `describe` or the file that asks for it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "coresieve-test-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  afterAll(remove);
  // Within a test, afterAll counts for nothing.
  afterFile(remove);
  return folder;
}

let threads: WorkerThreads | undefined;

/** One thread for all runs of a test file: to start one takes longer than to filter a small dump. */
export function sharedThread(): WorkerThreads {
  if (threads !== undefined) return threads;
  const started = new WorkerThreads(1);
  threads = started;
  // Files that share a process share this module.
  afterFile(async () => {
    threads = undefined;
    await started.destroy();
  });
  return started;
}

/** What a test wants changed of: level 31, kdump, no compression, one thread. */
export interface RunOptions {
  readonly level?: number;
  readonly privacy?: boolean | "strict";
  readonly privacyExtra?: readonly PrivacyExtra[];
  readonly privacyKeep?: readonly PrivacyKeep[];
  readonly format?: "kdump" | "elf";
  readonly codec?: CodecName;
  readonly compressionLevel?: number;
  readonly dedupe?: boolean;
  readonly excludeUnusedVmemmap?: boolean;
  /** The text of erase rules. */
  readonly erase?: string;
  readonly vmlinux?: string;
  readonly workers?: FilterOptions["workers"];
  readonly warnings?: Warnings;
  /** What a memory image does not say of itself. */
  readonly open?: OpenOptions;
  readonly signal?: AbortSignal;
  readonly onProgress?: NonNullable<FilterOptions["onProgress"]>;
}

/** A run by one process may write any format. */
interface FileRunOptions extends Omit<RunOptions, "format"> {
  readonly format?: FilterOptions["format"];
}

/** Filters `input` into `output`, overwriting it. */
export async function filterFile(
  input: string | readonly string[],
  output: FilterOptions["output"] | string,
  options: FileRunOptions = {},
): Promise<FilterResult> {
  const warnings = options.warnings ?? new Warnings();
  const dump = openDump(input, warnings, options.open);
  try {
    return await filterDump(dump, {
      output: typeof output === "string" ? { path: output, force: true } : output,
      level: options.level ?? 31,
      privacy: options.privacy ?? false,
      format: options.format ?? "kdump",
      codec: codecOf(options.codec ?? "none", options.compressionLevel),
      dedupe: options.dedupe ?? false,
      excludeUnusedVmemmap: options.excludeUnusedVmemmap ?? false,
      // A signal may end the threads.
      workers: options.workers ?? (options.signal === undefined ? sharedThread() : 1),
      warnings,
      ...(options.privacyExtra === undefined ? {} : { privacyExtra: options.privacyExtra }),
      ...(options.privacyKeep === undefined ? {} : { privacyKeep: options.privacyKeep }),
      ...(options.erase === undefined ? {} : { erase: { name: "rules", text: options.erase } }),
      ...(options.vmlinux === undefined ? {} : { vmlinux: options.vmlinux }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    });
  } finally {
    dump.close();
  }
}

/** Filters `input` as -F does: the flattened dump goes through a stream into `path`. */
export async function filterFlattened(
  input: string | readonly string[],
  path: string,
  options: RunOptions = {},
): Promise<FilterResult> {
  const stream = createWriteStream(path);
  const result = await filterFile(input, { stream, name: path }, options);
  await new Promise<void>((resolve) => stream.end(resolve));
  return result;
}
