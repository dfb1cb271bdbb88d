/** What is announced to a store: all that the tasks read, before they do, and not much more than the next ones need. */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { initialPlan } from "../../src/filter/plan.js";
import { clearBits } from "../../src/reader/bitmap.js";
import type { ElfImage } from "../../src/reader/elf/image.js";
import { openDump } from "../../src/reader/open.js";
import { type RemoteObject, setHandle } from "../../src/store/remote-object.js";
import { sharedBytes } from "../../src/store/shared-bytes.js";
import { keptRanges } from "../../src/worker/chunks.js";
import { readAhead } from "../../src/worker/read-ahead.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";

const MiB = 2 ** 20;
const MEMORY = 512 * MiB;
const DATA = 4096;
const folder = temporaryFolder();
const path = join(folder, "dump");
const fd = openSync(path, "w");
writeSync(fd, buildElf({ notes: [], loads: [{ paddr: 0, offset: DATA, filesz: MEMORY }] }));
ftruncateSync(fd, DATA + MEMORY);
closeSync(fd);
const dump = openDump(path);
afterAll(() => dump.close());

/** The dump as if its file were an object, with what is announced. */
function remoteDump() {
  const announced: { ranges: number[]; anew: boolean }[] = [];
  const remote = { path: "s3://bucket/dump", size: DATA + MEMORY, etag: '"1"', object: 0 };
  const object: RemoteObject = { ...remote, memory: sharedBytes(8).buffer as SharedArrayBuffer };
  setHandle(object, {
    follow: (ranges, anew) => announced.push({ ranges: [...ranges], anew }),
    fetched: () => ({ bytes: 0, requests: 0 }),
    close: () => undefined,
  });
  const image = dump.image as ElfImage;
  return { announced, image: { ...image, source: { ...image.source, remote: object } } };
}

test("a file: nothing is announced, and the tasks are as they came", () => {
  const { kept } = initialPlan(dump, undefined);
  const tasks = [{ startPfn: 0, endPfn: 8 }];
  const ahead = readAhead({ image: dump.image, pageSize: 4096, kept, kernel: undefined });
  expect(ahead.pages(tasks)).toBe(tasks);
  expect(ahead.structPages(tasks)).toBe(tasks);
});

test("an object: the bytes of kept pages, each once, before their task is given out", () => {
  const plan = initialPlan(dump, undefined);
  // Every second MiB is dropped, so that ranges have gaps; and one task's pages are scattered.
  for (let at = 0; at < MEMORY / 4096; at += 512) clearBits(plan.kept, at, at + 256);
  const { announced, image } = remoteDump();
  const ahead = readAhead({ image, pageSize: 4096, kept: plan.kept, kernel: undefined });
  const tasks = [...keptRanges(plan.kept, plan.maxMapnr, 512)];
  expect(tasks).toHaveLength(MEMORY / MiB / 4);
  const given = [];
  let most = 0;
  for (const task of ahead.pages(tasks)) {
    const bytes = announced.flatMap(({ ranges }) => ranges);
    const end = DATA + task.endPfn * 4096;
    // Announced in order: what is announced last lies behind the task.
    expect(bytes.at(-1)).toBeGreaterThanOrEqual(end);
    most = Math.max(most, (bytes.at(-1) as number) - (DATA + task.startPfn * 4096));
    given.push(task);
  }
  expect(given).toEqual(tasks);
  // Two batches of 32 tasks, each of which spans 4 MiB.
  expect(most).toBeLessThanOrEqual(2 * 32 * 4 * MiB);
  const ranges = announced.flatMap(({ ranges }) => ranges);
  const expected = Array.from({ length: MEMORY / MiB / 2 }, (_, i) => [
    DATA + (2 * i + 1) * MiB,
    DATA + (2 * i + 2) * MiB,
  ]);
  expect(ranges).toEqual(expected.flat());
  expect(announced.map(({ anew }) => anew)).toEqual(announced.map((_, i) => i === 0));
});
