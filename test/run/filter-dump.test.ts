/** filterDump as a library: options that are refused, stops, progress. Nothing is left behind when it fails. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FilterProgress } from "../../src/run/filter-dump.js";
import type { Answer, Request } from "../../src/worker/tasks.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { noiseBytes } from "../support/bytes.js";
import { buildElf } from "../support/elf-image.js";
import { filterFile, type RunOptions, temporaryFolder } from "../support/filter.js";
import { vmcoreinfoNote } from "../support/notes.js";
import { failureOfAsync } from "../support/open.js";

const folder = temporaryFolder();
const input = join(folder, "input");
const outputs = join(folder, "outputs");
mkdirSync(outputs);
const pages = 4096;
writeFileSync(
  input,
  buildElf({ notes: [vmcoreinfoNote("PAGESIZE=4096\n")], loads: [{ paddr: 0, data: noiseBytes(1, pages * 4096) }] }),
);
const run = (options: RunOptions) => filterFile(input, join(outputs, "out"), { level: 1, ...options });

describe("refused", () => {
  test.each([
    ["no workers", { workers: 0 }, "BAD_OPTION"],
    ["half a worker", { workers: 0.5 }, "BAD_OPTION"],
    ["257 workers", { workers: 257 }, "BAD_OPTION"],
    ["level 32", { level: 32 }, "BAD_OPTION"],
    ["compressed ELF", { format: "elf", codec: "lzo" }, "BAD_OPTION"],
    ["level 31 without VMCOREINFO's symbols", { level: 31 }, "CANNOT_FILTER"],
  ] as const)("%s", async (_, options, code) => {
    expect((await failureOfAsync(() => run(options))).code).toBe(code);
    expect(readdirSync(outputs)).toEqual([]);
  });
});

describe("stopped", () => {
  test("before it begins", async () => {
    expect((await failureOfAsync(() => run({ signal: AbortSignal.abort() }))).code).toBe("ABORTED");
    expect(readdirSync(outputs)).toEqual([]);
  });

  test.each(["kdump", "elf"] as const)("in the middle, %s", async (format) => {
    const controller = new AbortController();
    const onProgress = ({ done }: FilterProgress) => done > 1000 && controller.abort();
    const error = await failureOfAsync(() => run({ format, signal: controller.signal, onProgress }));
    expect(error.code).toBe("ABORTED");
    expect(readdirSync(outputs)).toEqual([]);
  });
});

/** Counts the tasks that have been sent and not answered. */
class CountingThreads extends WorkerThreads {
  unanswered = 0;
  override async run<T, R>(...parameters: Parameters<WorkerThreads["run"]>): Promise<Answer<R>> {
    this.unanswered++;
    try {
      return await super.run<T, R>(parameters[0], parameters[1] as Request<T>);
    } finally {
      this.unanswered--;
    }
  }
}

test("threads that outlive a stopped run have no task of it left, and serve the next one", async () => {
  const threads = new CountingThreads(1);
  try {
    const controller = new AbortController();
    const onProgress = ({ done }: FilterProgress) => done > 300 && controller.abort();
    const stopped = await failureOfAsync(() => run({ workers: threads, signal: controller.signal, onProgress }));
    expect(stopped.code).toBe("ABORTED");
    expect(threads.unanswered).toBe(0);
    const { classes } = await run({ workers: threads });
    expect(classes.kept).toBe(pages);
  } finally {
    await threads.destroy();
  }
});

test("progress goes up to the end, phase by phase", async () => {
  const seen: FilterProgress[] = [];
  await run({ format: "elf", onProgress: (state) => seen.push(state) });
  const phases = [...new Set(seen.map(({ phase }) => phase))];
  expect(phases).toEqual(["zero", "write"]);
  for (const phase of phases) {
    const done = seen.filter((state) => state.phase === phase).map((state) => state.done);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(done.at(-1)).toBe(pages);
  }
});
