/** Descriptors of pages that a dump lacks: those that were never filled in, and those behind its end. */
import { closeSync, openSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findBit, setBits, sharedBitmap } from "../../../src/reader/bitmap.js";
import { forEachDescriptor, type PageDescriptor } from "../../../src/reader/kdump/descriptors.js";
import type { KdumpImage, KdumpPart } from "../../../src/reader/kdump/image.js";
import { openFile } from "../../../src/reader/source/byte-source.js";
import { temporaryFolder } from "../../support/filter.js";

const SIZE = 24;
const PAGES = 2 ** 18;

test("many pages that a dump lacks are passed over together", () => {
  const path = join(temporaryFolder(), "descriptors");
  const written = openSync(path, "w");
  // A few that were filled in; and the file ends early.
  for (const n of [40_000, 40_001, 60_000]) writeSync(written, Buffer.alloc(SIZE, n % 200), 0, SIZE, n * SIZE);
  closeSync(written);
  truncateSync(path, 100_000 * SIZE + 7);
  const dumped = sharedBitmap(PAGES);
  for (let pfn = 1; pfn < PAGES; pfn += 2) setBits(dumped, pfn, pfn + 1);
  const part: KdumpPart = {
    source: { file: openFile(path), flattened: undefined },
    ...{ startPfn: 0, endPfn: PAGES, descriptors: 0 },
  };
  const image = { littleEndian: true, dumped, flagBits: -1, maxMapnr: PAGES } as unknown as KdumpImage;

  const one: (PageDescriptor | undefined)[] = [];
  forEachDescriptor(image, part, (_, descriptor) => one.push(descriptor && { ...descriptor }));
  const many: (PageDescriptor | undefined)[] = [];
  let visits = 0;
  const visit = (_: number, descriptor: PageDescriptor | undefined) => {
    visits++;
    many.push(descriptor && { ...descriptor });
  };
  forEachDescriptor(image, part, visit, ({ startPfn, endPfn, pages, position }) => {
    visits++;
    let pfn = findBit(dumped, startPfn, endPfn, true);
    for (let n = 0; n < pages; n++) {
      const at = position === undefined ? undefined : position + n * SIZE;
      many.push(at === undefined ? undefined : { pfn, position: at, offset: 0, size: 0, flags: 0 });
      pfn = findBit(dumped, pfn + 1, endPfn, true);
    }
    expect(pfn).toBe(endPfn);
  });
  closeSync(part.source.file.fd);
  expect(many).toEqual(one);
  expect(one.length).toBe(PAGES / 2);
  expect(visits).toBeLessThan(PAGES / 2 - 40_000);
});
