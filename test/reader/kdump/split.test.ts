import { describe, expect, test } from "vitest";
import { patternBytes } from "../../support/bytes.js";
import { buildElf } from "../../support/elf-image.js";
import { temporaryFolder } from "../../support/filter.js";
import { flatten } from "../../support/flattened-image.js";
import { buildKdump, buildKdumpSplit, type KdumpOptions, type KdumpPage } from "../../support/kdump-image.js";
import { openError, pageOf, withDump } from "../../support/open.js";

const PAGE = 4096;
const folder = temporaryFolder();
const pfns = [0, 1, 2, 5, 8, 9, 15, 16, 40];
const content = (pfn: number) => patternBytes(`page ${pfn} `, PAGE);
const pages = new Map(pfns.map((pfn): [number, KdumpPage] => [pfn, { codec: "zlib", data: content(pfn) }]));
const options: KdumpOptions = { pages, vmcoreinfo: "OSRELEASE=6.1.0\nPAGESIZE=4096\n", maxMapnr: 48 };
/** The second border lies within a run of pages, the third where there are none. */
const borders = [0, 9, 16, 30, 48];

function expectAll(files: readonly Uint8Array[]): void {
  withDump(folder, files, (dump) => {
    expect(dump.header.parts).toBe(files.length);
    for (const pfn of pfns) expect(pageOf(dump, pfn).equals(Buffer.from(content(pfn))), `pfn ${pfn}`).toBe(true);
  });
}

describe("a split set", () => {
  test.each([1, 2, 5, 6])("is read as one dump, header version %i", (version) => {
    // Version 1 has no split fields: there a dump is one file.
    if (version === 1) return expectAll([buildKdump({ ...options, version })]);
    expectAll(buildKdumpSplit({ ...options, version }, borders));
  });

  test("in any order, and flattened in part", () => {
    const [a, b, c, d] = buildKdumpSplit(options, borders) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    expectAll([d, a, c, b]);
    expectAll([a, flatten(b), c, flatten(d)]);
  });

  test("of one file is that file", () => expectAll(buildKdumpSplit(options, [0, 48])));

  test("with a file missing, at any place", () => {
    const files = buildKdumpSplit(options, borders);
    for (let i = 0; i < files.length; i++) {
      const error = openError(
        folder,
        files.filter((_, at) => at !== i),
        "CORRUPT",
      );
      expect(error.cure).toContain("is missing");
    }
  });

  test("with a file named twice", () => {
    const files = buildKdumpSplit(options, borders);
    expect(openError(folder, [...files, files[1] as Uint8Array], "CORRUPT").cure).toContain("named twice");
  });

  test("of two dumps, or with a file that is not split, or of another format", () => {
    const [a, b] = buildKdumpSplit(options, [0, 16, 48]) as [Uint8Array, Uint8Array];
    const [, other] = buildKdumpSplit({ ...options, timestamp: 77 }, [0, 16, 48]) as [Uint8Array, Uint8Array];
    expect(openError(folder, [a, other], "CORRUPT").message).toContain("of another dump");
    expect(openError(folder, [a, buildKdump(options)], "CORRUPT").message).toContain("not part of a split set");
    const elf = buildElf({ notes: [], loads: [{ paddr: 0, data: content(0) }] });
    openError(folder, [a, b, elf], "BAD_OPTION");
  });
});
