/** Pages of a kdump file that claim each other's bytes: what is found, against a comparison of all with all. */
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { KdumpImage, KdumpPart } from "../../src/reader/kdump/image.js";
import { openDump } from "../../src/reader/open.js";
import { Findings } from "../../src/verify/findings.js";
import { findOverlaps } from "../../src/verify/overlaps.js";
import { temporaryFolder } from "../support/filter.js";
import { buildKdump } from "../support/kdump-image.js";

const PAGE = 4096;
const COUNT = 24;
const path = join(temporaryFolder(), "dump");

/** Where each page's bytes are said to be: in 512-byte steps behind the descriptors. */
const places = fc.array(fc.record({ at: fc.nat(60), size: fc.integer({ min: 1, max: 8 }) }), {
  minLength: COUNT,
  maxLength: COUNT,
});

test("of pages that have a part of their bytes in common, not all, one is named at least; no other page is", () => {
  fc.assert(
    fc.property(places, fc.boolean(), (list, tidy) => {
      const start = 64 * PAGE;
      const inOrder = list.map(({ size }, pfn) => ({ at: pfn * 8, size }));
      const used = (tidy ? inOrder : list).map(({ at, size }) => ({ offset: start + at * 512, size: size * 512 }));
      const pages = new Map(
        used.map(({ offset, size }, pfn) => [
          pfn,
          { data: new Uint8Array(PAGE), codec: "zlib" as const, descriptor: { offset, size, flags: 1 } },
        ]),
      );
      writeFileSync(path, Buffer.concat([buildKdump({ pages }), Buffer.alloc(100 * PAGE)]));
      const dump = openDump(path);
      try {
        const image = dump.image as KdumpImage;
        const findings = new Findings(1000);
        findOverlaps(image, image.parts[0] as KdumpPart, start, statSync(path).size, findings);
        const overlaps = (a: (typeof used)[0], b: (typeof used)[0]) =>
          a.offset < b.offset + b.size && b.offset < a.offset + a.size && (a.offset !== b.offset || a.size !== b.size);
        const expected = used.flatMap((a, pfn) => (used.some((b) => overlaps(a, b)) ? [pfn] : []));
        const found = [...new Set(findings.list.map(({ pfn }) => pfn as number))].sort((a, b) => a - b);
        // Of two pages that contradict each other one is named at least, and none that contradicts nobody.
        expect(found.every((pfn) => expected.includes(pfn))).toBe(true);
        for (const a of expected) {
          const rivals = expected.filter((b) => overlaps(used[a] as (typeof used)[0], used[b] as (typeof used)[0]));
          expect([a, ...rivals].some((pfn) => found.includes(pfn))).toBe(true);
        }
        expect(findings.list.every(({ kind }) => kind === "overlap")).toBe(true);
      } finally {
        dump.close();
      }
    }),
    { numRuns: 60 },
  );
});
