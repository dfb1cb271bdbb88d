/** The index of pages that are stored in any order, and some several times: against a plain map. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ENTRY,
  entryAt,
  entryOf,
  NOT_LISTED,
  nextListed,
  nextStored,
  nextUnlisted,
  PageIndexBuilder,
  plainPlace,
  ZERO_ENTRY,
} from "../../../src/reader/paged/page-index.js";

// More than one array of groups (131,072 pages each), with groups that no page is of.
const PAGES = 300_000;
const page = fc.oneof(fc.nat(2000), fc.nat(PAGES - 1));
const place = fc.integer({ min: 1, max: 2 ** 50 });
const step = fc.oneof(
  fc.record({ page, change: fc.boolean(), kind: fc.constantFrom(ENTRY.plain, ENTRY.zlib, ENTRY.fill), place }),
  fc.record({ page, change: fc.constant(false), kind: fc.constant(ENTRY.fill), place: fc.constant(0) }),
);

test("each page has its latest entry, its changes lead to what it was before, and no other page is listed", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.tuple(page, page), (steps, [a, b]) => {
      const builder = new PageIndexBuilder(PAGES);
      const latest = new Map<number, number>();
      const changes: [place: number, before: number, count: number][] = [];
      const countOf = (entry: number) => (entry % 4 === ENTRY.change ? (changes[Math.floor(entry / 4)]?.[2] ?? 0) : 0);
      for (const { page, change, kind, place } of steps) {
        if (change) {
          const before = latest.get(page) ?? NOT_LISTED;
          builder.change(page, place);
          changes.push([place, before, countOf(before) + 1]);
          latest.set(page, entryOf(ENTRY.change, changes.length - 1));
        } else {
          builder.set(page, entryOf(kind, place));
          latest.set(page, entryOf(kind, place));
        }
      }
      const index = builder.finish();
      expect([...index.changes]).toEqual(changes.flat());
      const wrong = [...latest].filter(([listed, entry]) => entryAt(index, listed) !== entry);
      expect(wrong).toEqual([]);
      for (const [listed, entry] of latest) {
        expect(plainPlace(index, listed)).toBe(entry % 4 === ENTRY.plain ? entry / 4 : undefined);
      }
      const sorted = [...latest.keys()].sort((x, y) => x - y);
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      expect(nextListed(index, from, to)).toBe(Math.min(to, sorted.find((listed) => listed >= from) ?? to));
      const isStored = (listed: number) => listed >= from && latest.get(listed) !== ZERO_ENTRY;
      expect(nextStored(index, from, to)).toBe(Math.min(to, sorted.find(isStored) ?? to));
      let unlisted = from;
      while (unlisted < to && latest.has(unlisted)) unlisted++;
      expect(nextUnlisted(index, from, to)).toBe(unlisted);
    }),
    { numRuns: 60 },
  );
});
