/** A dump that is closed too early: its file numbers may be those of other files, whose bytes nobody may get for the dump's. */
import { closeSync, existsSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { filterDump, kernelOf, openDump, pagesOf, readPhysical, WorkerThreads } from "../../src/index.js";
import { inFolder } from "../support/cli.js";
import { temporaryFolder } from "../support/filter.js";
import { failureOfAsync } from "../support/open.js";
import { sampleDump } from "../support/sample.js";

const folder = temporaryFolder();
const file = inFolder(folder);
const closedEarly = { code: "BAD_OPTION", what: "the dump was closed before its use had ended" };

beforeAll(() => {
  writeFileSync(file("vmcore"), sampleDump());
  writeFileSync(file("other"), Buffer.from(sampleDump()).fill(0x55, 1 << 20));
});

test("closed before: nothing is read of the file that has its number now", async () => {
  const dump = openDump(file("vmcore"));
  dump.close();
  const other = openSync(file("other"), "r");
  try {
    expect(await failureOfAsync(async () => readPhysical(dump, 4096, 16))).toMatchObject(closedEarly);
    expect(await failureOfAsync(async () => kernelOf(dump))).toMatchObject(closedEarly);
    expect(await failureOfAsync(() => pagesOf(dump).next())).toMatchObject(closedEarly);
    const run = () => filterDump(dump, { output: file("out"), level: 0 });
    expect(await failureOfAsync(run)).toMatchObject(closedEarly);
  } finally {
    closeSync(other);
  }
  expect(readdirSync(folder).sort()).toEqual(["other", "vmcore"]);
});

test("closed in mid-run: the run says so, and leaves nothing", async () => {
  for (const level of [0, 31]) {
    const dump = openDump(file("vmcore"));
    let other = -1;
    const run = filterDump(dump, {
      output: file("out"),
      level,
      workers: 1,
      onProgress() {
        if (other !== -1) return;
        dump.close();
        other = openSync(file("other"), "r");
      },
    });
    expect(await failureOfAsync(() => run)).toMatchObject(closedEarly);
    closeSync(other);
  }
  const dump = openDump(file("vmcore"));
  const pages = pagesOf(dump);
  await pages.next();
  dump.close();
  const rest = async () => {
    for await (const _ of pages);
  };
  await rest().catch((error: unknown) => expect(error).toMatchObject(closedEarly));
  expect(readdirSync(folder).sort()).toEqual(["other", "vmcore"]);
});

test("threads that are destroyed while a run has them: the run says so, and leaves nothing", async () => {
  const busy = JSON.stringify(file("busy"));
  writeFileSync(
    file("endless.mjs"),
    `import { writeFileSync } from "node:fs"; export function decide() { writeFileSync(${busy}, ""); for (;;); }`,
  );
  const dump = openDump(file("vmcore"));
  const threads = new WorkerThreads(1);
  const watch = setInterval(() => {
    if (!existsSync(file("busy"))) return;
    clearInterval(watch);
    void threads.destroy();
  }, 20);
  try {
    const run = () =>
      filterDump(dump, { output: file("gone"), workers: threads, extension: { path: file("endless.mjs") } });
    const what = "the worker threads were destroyed before their use had ended";
    expect(await failureOfAsync(run)).toMatchObject({ code: "BAD_OPTION", what });
  } finally {
    clearInterval(watch);
    dump.close();
  }
  expect(readdirSync(folder).filter((name) => name.includes("gone"))).toEqual([]);
});
