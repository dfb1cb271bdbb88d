/** A small file may claim terabytes: a search of all memory passes over what the file says is zeros, finds what is behind it, and ends where the file cannot have a kernel. */
import { statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runAtOnce } from "../../src/long-work.js";
import { toExtents } from "../../src/reader/extents.js";
import { findInMemory, mostRead, warnOfEnd } from "../../src/reader/find-in-memory.js";
import { pagedMemory } from "../../src/reader/paged/memory.js";
import { ENTRY, entryOf, PageIndexBuilder, ZERO_ENTRY } from "../../src/reader/paged/page-index.js";
import type { PhysicalMemory } from "../../src/reader/physical-memory.js";
import { rawMemory } from "../../src/reader/raw/image.js";
import { bytesHeld, closeOnce, openSource } from "../../src/reader/source/source-image.js";
import { Warnings } from "../../src/warnings.js";
import { temporaryFolder } from "../support/filter.js";
import { flattenRecords } from "../support/flattened-image.js";

const PAGE = 4096;
const TEXT = "OSRELEASE=";
const file = join(temporaryFolder(), "memory");
writeFileSync(file, Buffer.concat([Buffer.alloc(PAGE, 1), Buffer.from(TEXT), Buffer.alloc(PAGE - TEXT.length)]));
const source = openSource(file);
afterAll(closeOnce([source]));
/** Bytes of a stretch of zeros between a page of ones and a page that begins with the text. */
const STRETCH = 2 ** 37;

const isFound = ({ length }: readonly unknown[]) => length > 0;

/** Addresses of `TEXT`, and how many bytes were read to find them. */
function search(memory: PhysicalMemory): { found: readonly number[]; bytes: number } {
  let bytes = 0;
  const counted: PhysicalMemory = {
    ...memory,
    read(into, paddr) {
      bytes += into.length;
      return memory.read(into, paddr);
    },
  };
  const search = findInMemory(counted, Buffer.from(TEXT), isFound, (paddr) => paddr);
  return { found: runAtOnce(search).found, bytes };
}

test.each([false, true])("in a memory image (salvaged: %s)", (tolerant) => {
  const data = toExtents([
    { start: 0, end: PAGE, source: 0 },
    { start: PAGE + STRETCH, end: 2 * PAGE + STRETCH, source: PAGE },
  ]);
  const zeros = toExtents([
    { start: PAGE, end: PAGE + STRETCH, source: 0 },
    { start: 2 * PAGE + STRETCH, end: 2 * PAGE + 2 * STRETCH, source: 0 },
  ]);
  const memory = rawMemory({ kind: "raw", sources: [source], pageSize: PAGE, snappy: false, data, zeros, tolerant });
  expect(memory.next(PAGE)).toBe(PAGE);
  const { found, bytes } = search(memory);
  expect(found).toEqual([PAGE + STRETCH]);
  expect(bytes).toBeLessThan(2 ** 24);
});

/** Memory of so many pages, which are all the same page of the file. */
function sharing(pages: number, at: number): PhysicalMemory {
  const shared = (i: number) => ({ start: i * PAGE, end: (i + 1) * PAGE, source: at });
  const data = toExtents(Array.from({ length: pages }, (_, i) => shared(i)));
  return rawMemory({ kind: "raw", sources: [source], pageSize: PAGE, snappy: false, data, tolerant: false });
}

/** `STRETCH` bytes of a file between two of the pages above, by the records of a flattened file or by a window. */
test.each(["flattened", "window", "second of two files"])("between the records of a file: %s", (how) => {
  const size = 2 * PAGE + STRETCH;
  const pieces = toExtents([
    { start: 0, end: PAGE, source: 0 },
    { start: PAGE + STRETCH, end: size, source: PAGE },
  ]);
  const flat = join(temporaryFolder(), "flat");
  const records = [
    { offset: 0, bytes: Buffer.alloc(PAGE, 1) },
    { offset: PAGE + STRETCH, bytes: Buffer.concat([Buffer.from(TEXT), Buffer.alloc(PAGE - TEXT.length)]) },
  ];
  writeFileSync(flat, flattenRecords(records));
  const image = how === "flattened" ? openSource(flat) : { ...source, window: { size, pieces } };
  const sources = how.startsWith("second") ? [source, image] : [image];
  const before = sources.length === 2 ? 2 * PAGE : 0;
  const data = toExtents([{ start: 0, end: size, source: before }]);
  const memory = rawMemory({ kind: "raw", sources, pageSize: PAGE, snappy: false, data, tolerant: false });
  const { found, bytes } = search(memory);
  expect(found).toEqual([PAGE + STRETCH]);
  expect(bytes).toBeLessThan(2 ** 24);
  if (how === "flattened") closeOnce([image])();
});

test("segments that share the bytes of a small file, or holes of the disk: a search ends, and says where", () => {
  expect([0, PAGE, 2 ** 25].map(mostRead)).toEqual([2 ** 31, 2 ** 31, 2 ** 37]);
  expect(mostRead()).toBe(Number.POSITIVE_INFINITY);
  const memory = sharing(2 ** 12, 0);
  expect(memory.held).toBe(2 * PAGE);
  const find = (limit: number) => runAtOnce(findInMemory(memory, Buffer.from(TEXT), isFound, (paddr) => paddr, limit));
  expect(find(2 ** 23)).toEqual({ found: [], damage: undefined, endedAt: 2 ** 23 });
  expect(find(2 ** 24)).toEqual({ found: [], damage: undefined, endedAt: undefined });
  const warnings = new Warnings();
  warnOfEnd(find(2 ** 23), { memory, paths: ["dump"] }, warnings);
  expect(warnings.list).toEqual([
    expect.objectContaining({
      code: "NOT_SEARCHED",
      message:
        "dump: its memory was searched for the kernel up to 0x800000 only: the files store 8192 bytes, too few for so much memory",
    }),
  ]);
});

test("data that begin like what is searched for: what is read to look at them counts", () => {
  const memory = sharing(2 ** 12, PAGE);
  let looked = 0;
  const search = findInMemory(
    memory,
    Buffer.from(TEXT),
    isFound,
    (paddr, readable) => {
      looked++;
      readable.read(Buffer.alloc(2 ** 16), paddr);
      return undefined;
    },
    2 ** 28,
  );
  // The piece itself is a MiB; each look counts 2 MiB.
  expect(runAtOnce(search)).toEqual({ found: [], damage: undefined, endedAt: 128 * PAGE });
  expect(looked).toBe(128);
});

test("what a sparse file stores is known, where its file system says so", () => {
  const path = join(temporaryFolder(), "sparse");
  writeFileSync(path, Buffer.alloc(PAGE, 1));
  truncateSync(path, 2 ** 40);
  const image = openSource(path);
  const held = bytesHeld(image);
  closeOnce([image])();
  const { blocks } = statSync(path);
  expect([blocks * 512, 2 ** 40]).toContain(held);
  expect(bytesHeld(source)).toBe(2 * PAGE);
});

test.each([
  ["listed as zeros", true, false],
  ["listed as zeros, in a file that is cut off", false, false],
  ["not listed", true, false],
  ["not listed, salvaged", true, true],
])("in a file of single pages: %s", (what, unlistedAreZero, tolerant) => {
  const stretch = 2 ** 16;
  const pages = 2 + 2 * stretch;
  const builder = new PageIndexBuilder(pages);
  if (what.startsWith("listed")) for (let page = 1; page < pages; page++) builder.set(page, ZERO_ENTRY);
  // The first page of a file would have the entry of pages that are not listed.
  builder.set(0, entryOf(ENTRY.fill, 1));
  builder.set(1 + stretch, entryOf(ENTRY.plain, PAGE));
  const memory = pagedMemory({
    ...{ kind: "paged", source, pageSize: PAGE, unit: PAGE, index: builder.finish(), unlistedAreZero, tolerant },
    memory: toExtents([{ start: 0, end: pages * PAGE, source: 0 }]),
  });
  expect(memory.next(PAGE)).toBe(PAGE);
  const { found, bytes } = search(memory);
  expect(found).toEqual([PAGE * (1 + stretch)]);
  expect(bytes).toBeLessThan(2 ** 24);
});
