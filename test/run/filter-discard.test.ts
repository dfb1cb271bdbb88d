/** A run whose output goes nowhere finds out the same as one that writes, limits included. */
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { openDump } from "../../src/reader/open.js";
import { type FilterOptions, filterDump } from "../../src/run/filter-dump.js";
import { WorkerThreads } from "../../src/worker/threads.js";
import { temporaryFolder } from "../support/filter.js";
import { writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";

const folder = temporaryFolder();
const input = join(folder, "dump");
const kernel = buildKernel({
  memory: 24 * MiB,
  memoryModel: "sparse-extreme",
  pages: [{ pfn: 256, kind: "anon", count: 512 }],
});
writeElf(input, kernel, { style: "qemu" });
const threads = new WorkerThreads(1);
afterAll(() => threads.destroy());

async function run(options: Partial<FilterOptions>) {
  const dump = openDump(input);
  try {
    return await filterDump(dump, {
      output: { discard: true, name: "nowhere" },
      ...{ level: 31, format: "kdump", codec: codecOf("zlib"), workers: threads },
      ...options,
    });
  } finally {
    dump.close();
  }
}

test.each(["kdump", "elf"] as const)("%s: the same counts and sizes as of a file", async (format) => {
  const codec = codecOf(format === "elf" ? "none" : "zlib");
  const written = await run({ output: { path: join(folder, format) }, format, codec });
  expect(await run({ format, codec })).toEqual(written);
  expect(written.outputBytes).toBeGreaterThan(4096);
});

test("a size limit holds", async () => {
  await expect(run({ sizeLimit: 5000 })).rejects.toMatchObject({ code: "SIZE_LIMIT" });
});
