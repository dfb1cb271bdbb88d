import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { codecOf } from "../src/codec/codecs.js";
import type { Dump } from "../src/reader/dump.js";
import { filterDump } from "../src/run/filter-dump.js";
import type { FilterOptions } from "../src/run/filter-types.js";
import { verifyDump } from "../src/verify/verify-dump.js";
import type { WorkerThreads } from "../src/worker/threads.js";
import { folder } from "./files.js";

/** Findings of `verify` that the input's own damage explains: its kernel and notes are handed on as they are. */
const INHERITED: ReadonlySet<string> = new Set(["kernel", "symbol", "vmcoreinfo", "note", "incomplete", "header"]);

/**
 * Filters a dump, closes it, and verifies the output. Throws what the run throws, and an Error when a failed run left
 * something or what a run wrote is not whole.
 */
export async function checkedRun(
  dump: Dump,
  options: Pick<FilterOptions, "level" | "format" | "privacy">,
  workers: WorkerThreads,
): Promise<void> {
  const output = join(folder, "output");
  rmSync(output, { force: true });
  try {
    const codec = codecOf(options.format === "elf" ? "none" : "lzo");
    await filterDump(dump, { ...options, output: { path: output }, codec, workers });
  } catch (error) {
    const left = readdirSync(folder).filter((name) => name.startsWith("output") || name.includes("partial"));
    if (left.length > 0) throw new Error(`a failed run left ${left.join(", ")}`);
    throw error;
  } finally {
    dump.close();
  }
  if (!existsSync(output)) throw new Error("a run without an error left no output");
  const { findings } = await verifyDump(output, { workers });
  const wrong = findings.find(({ kind }) => !INHERITED.has(kind));
  if (wrong !== undefined) throw new Error(`the output has a wrong ${wrong.kind}: ${wrong.message}`);
}
