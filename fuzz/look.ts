import { DumpError } from "../src/errors.js";
import { initialPlan } from "../src/filter/plan.js";
import { completeWithKernel } from "../src/kernel/complete-dump.js";
import { kernelView } from "../src/kernel/kernel-view.js";
import { logOfKernel } from "../src/kernel/log/read-log.js";
import type { Dump } from "../src/reader/dump.js";
import { openDump } from "../src/reader/open.js";
import type { OpenOptions } from "../src/reader/open-sources.js";
import { readPages } from "../src/reader/physical-memory.js";
import { Warnings } from "../src/warnings.js";

/** Two bitmaps of 1 MiB: larger ones are within what is stated, but take a while to fill. */
const MOST_PAGES = 2 ** 23;

/** Opens a dump as all commands do and reads of it what each of them reads; once as it is and once tolerant. */
export function lookAtFiles(paths: readonly string[], options: OpenOptions = {}): void {
  const errors = [false, true].map((salvage) => {
    try {
      const dump = openDump(paths, new Warnings(), { ...options, salvage });
      try {
        lookAt(dump);
      } finally {
        dump.close();
      }
      return undefined;
    } catch (error) {
      if (error instanceof DumpError) return error;
      throw error;
    }
  });
  const [error] = errors;
  if (error !== undefined) throw error;
}

/** Pages of all ranges, the bitmaps, the kernel and its log. */
export function lookAt(input: Dump): void {
  const page = new Uint8Array(input.pageSize);
  const { ranges, memory, maxMapnr } = input;
  if (!Number.isSafeInteger(maxMapnr) || maxMapnr < 0) throw new Error(`maxMapnr is ${maxMapnr}`);
  for (const { start, end } of [...ranges.slice(0, 6), ...ranges.slice(-2)]) {
    if (!(start < end)) throw new Error(`a range from ${start} to ${end}`);
    for (const at of [start, end - 1]) attempt(() => readPages(memory, at - (at % page.length), page));
  }
  if (maxMapnr <= MOST_PAGES) attempt(() => initialPlan(input, undefined));
  const dump = completeWithKernel(input, new Warnings()).dump;
  attempt(() => kernelView(dump, new Warnings()));
  attempt(() => logOfKernel(dump));
}

/** Lets a DumpError pass, so that what comes after it is tried as well. */
export function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof DumpError) return undefined;
    throw error;
  }
}
