/** Memory that a dump calls zeros may be larger than any file: a search of all memory passes over it, and finds what is behind it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runAtOnce } from "../../src/long-work.js";
import { toExtents } from "../../src/reader/extents.js";
import { pagedMemory } from "../../src/reader/paged/memory.js";
import { ENTRY, entryOf, PageIndexBuilder, ZERO_ENTRY } from "../../src/reader/paged/page-index.js";
import { findInMemory, type PhysicalMemory } from "../../src/reader/physical-memory.js";
import { rawMemory } from "../../src/reader/raw/image.js";
import { closeOnce, openSource } from "../../src/reader/source/source-image.js";
import { temporaryFolder } from "../support/filter.js";

const PAGE = 4096;
const TEXT = "OSRELEASE=";
const file = join(temporaryFolder(), "memory");
writeFileSync(file, Buffer.concat([Buffer.alloc(PAGE, 1), Buffer.from(TEXT), Buffer.alloc(PAGE - TEXT.length)]));
const source = openSource(file);
afterAll(closeOnce([source]));
/** Bytes of a stretch of zeros between a page of ones and a page that begins with the text. */
const STRETCH = 2 ** 37;

/** Addresses of `TEXT`, and how many bytes were read to find them. */
function search(memory: PhysicalMemory): { found: number[]; bytes: number } {
  let bytes = 0;
  const counted: PhysicalMemory = {
    ...memory,
    read(into, paddr) {
      bytes += into.length;
      return memory.read(into, paddr);
    },
  };
  const found = runAtOnce(findInMemory(counted, Buffer.from(TEXT), 1, (paddr) => paddr));
  return { found, bytes };
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
