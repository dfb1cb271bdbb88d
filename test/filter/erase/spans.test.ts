/** Pieces of memory: joined and in order, and bytes overwritten at the right places whatever the pieces of reading are. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { countErased, overwrite, RepeatedSpans, SpanList } from "../../../src/filter/erase/spans.js";
import { sharedBitmap } from "../../../src/reader/bitmap.js";

const SIZE = 512;
const pieces = fc.array(fc.tuple(fc.nat(SIZE - 1), fc.integer({ min: 1, max: 60 })), { maxLength: 80 });

/** The same, byte by byte. */
function marked(wanted: readonly (readonly [number, number])[]): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  for (const [start, length] of wanted) bytes.fill(1, start, start + length);
  return bytes;
}

function listOf(wanted: readonly (readonly [number, number])[]): SpanList {
  const list = new SpanList();
  for (const [start, length] of wanted) list.add(start, length);
  return list;
}

test("merged spans are ascending and apart, and overwrite what was added, read in any pieces", () => {
  fc.assert(
    fc.property(pieces, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 6 }), (wanted, cuts) => {
      const spans = listOf(wanted).merged(1);
      for (let i = 0; i < spans.start.length; i++) {
        expect(spans.end[i]).toBeGreaterThan(spans.start[i] as number);
        if (i > 0) expect(spans.start[i]).toBeGreaterThan(spans.end[i - 1] as number);
      }
      const bytes = new Uint8Array(SIZE);
      for (let at = 0, i = 0; at < SIZE; i++) {
        const n = cuts[i % cuts.length] as number;
        overwrite(spans, bytes.subarray(at, at + n), at);
        at += n;
      }
      expect(bytes).toEqual(marked(wanted));
    }),
  );
});

test("bytes are counted once, and those in kept pages apart", () => {
  fc.assert(
    fc.property(pieces, fc.uint8Array({ minLength: 8, maxLength: 8 }), (wanted, kept) => {
      const spans = listOf(wanted).merged(1);
      const all = [...Array(SIZE + 64).keys()].filter((at) =>
        wanted.some(([start, n]) => at >= start && at < start + n),
      );
      const inKept = all.filter((at) => at < SIZE && ((kept[at >>> 6] as number) >>> ((at >>> 3) & 7)) & 1);
      // 64 pages of 8 bytes.
      const bitmap = sharedBitmap(SIZE / 8);
      bitmap.bytes.set(kept);
      expect(countErased(spans, { kept: bitmap, maxMapnr: SIZE / 8 }, 8)).toEqual({
        bytes: all.length,
        overwritten: inKept.length,
      });
    }),
  );
});

test("repeated spans overwrite every piece, however they lie and are read, and count as many", () => {
  const repeated = fc.tuple(
    fc.nat(SIZE - 1),
    fc.integer({ min: 1, max: 20 }),
    fc.nat(30),
    fc.integer({ min: 1, max: 12 }),
  );
  const cutsOf = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 6 });
  // Of 64 pages of 8 bytes, bits; often all.
  const keptOf = fc.array(fc.oneof(fc.constant(0xff), fc.nat(0xff)), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(fc.array(repeated, { maxLength: 12 }), cutsOf, keptOf, (wanted, cuts, kept) => {
      const list = new RepeatedSpans();
      const single: [number, number][] = [];
      for (const [start, length, gap, count] of wanted) {
        list.add(start, length, length + gap, count);
        for (let k = 0; k < count; k++) single.push([start + k * (length + gap), length]);
      }
      const all = list.spans(1);
      const bytes = new Uint8Array(SIZE);
      for (let at = 0, i = 0; at < SIZE; i++) {
        const n = cuts[i % cuts.length] as number;
        for (const spans of all) overwrite(spans, bytes.subarray(at, at + n), at);
        at += n;
      }
      expect(bytes).toEqual(marked(single.filter(([start]) => start < SIZE)));
      const bitmap = sharedBitmap(SIZE / 8);
      bitmap.bytes.set(kept);
      const counted = all.map((spans) => countErased(spans, { kept: bitmap, maxMapnr: SIZE / 8 }, 8));
      const places = single.flatMap(([start, length]) => Array.from({ length }, (_, i) => start + i));
      const isKept = (at: number) => at < SIZE && (((kept[at >>> 6] as number) >>> ((at >>> 3) & 7)) & 1) === 1;
      expect(counted.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(places.length);
      expect(counted.reduce((sum, { overwritten }) => sum + overwritten, 0)).toBe(places.filter(isKept).length);
    }),
  );
});

test("repeated spans of slabs one behind the other are one list", () => {
  const list = new RepeatedSpans();
  list.add(0x2000 + 40, 24, 64, 64);
  list.add(0x1000 + 40, 24, 64, 64);
  const all = list.spans(0);
  expect(all.length).toBe(1);
  expect([...(all[0]?.start ?? [])]).toEqual([0x1000 + 40, 0x2000 + 40]);
});
