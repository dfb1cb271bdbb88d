import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DumpError } from "../../../src/errors.js";
import { attachSource, closeOnce, openSource } from "../../../src/reader/source/source-image.js";
import { noiseBytes, patternBytes } from "../../support/bytes.js";
import { temporaryFolder } from "../../support/filter.js";
import { type FlatRecord, type FlattenOptions, flatten, flattenRecords } from "../../support/flattened-image.js";
import { failureOf } from "../../support/open.js";

const path = join(temporaryFolder(), "flat");

/** The inner file, read whole and then in odd pieces, which must be the same. */
function innerOf(flat: Uint8Array): Buffer {
  writeFileSync(path, flat);
  const image = openSource(path);
  try {
    const source = attachSource(image);
    const whole = Buffer.alloc(source.size);
    expect(source.read(whole, 0)).toBe(source.size);
    const pieces = Buffer.alloc(source.size);
    for (let at = 0; at < source.size; at += 777) source.read(pieces.subarray(at, at + 777), at);
    expect(pieces.equals(whole)).toBe(true);
    expect(source.read(Buffer.alloc(10), source.size)).toBe(0);
    return whole;
  } finally {
    closeOnce([image])();
  }
}

const inner = Buffer.concat([noiseBytes(1, 10_000), new Uint8Array(8192), patternBytes("end ", 5001)]);

describe("records", () => {
  const ways: readonly [string, FlattenOptions][] = [
    ["in order", {}],
    ["in order, small", { recordSize: 100 }],
    ["reversed", { recordSize: 1000, order: "reversed" }],
    ["shuffled", { recordSize: 333, order: "shuffled", seed: 5 }],
    ["overlapping", { recordSize: 1000, overlap: 300 }],
    ["overlapping and shuffled", { recordSize: 512, overlap: 511, order: "shuffled", seed: 9 }],
    ["with stale content first: the later record wins", { recordSize: 700, order: "shuffled", staleFirst: true }],
    ["with gaps, which are zeros", { recordSize: 4096, dropZeroRuns: 4096 }],
    ["with bytes behind the end marker", { trailing: noiseBytes(4, 99) }],
  ];
  test.each(ways)("%s", (_, options) => {
    expect(innerOf(flatten(inner, options)).equals(inner)).toBe(true);
  });

  test("records of different sizes, as QEMU writes them, cost one entry of the index for many", () => {
    const records: FlatRecord[] = [];
    let offset = 0;
    for (let i = 0; i < 1000; i++) {
      const bytes = noiseBytes(i, 50 + ((i * 37) % 60));
      records.push({ offset, bytes });
      offset += bytes.length;
    }
    const expected = Buffer.concat(records.map(({ bytes }) => bytes));
    expect(innerOf(flattenRecords(records)).equals(expected)).toBe(true);
    const image = openSource(path);
    expect(image.flattened?.count).toBeLessThanOrEqual(1000 / 64 + 1);
    closeOnce([image])();
    // One that is written again makes its neighbours' run fall apart, and all of it still reads right.
    const again = noiseBytes(7777, 120);
    const at = Number(records[500]?.offset);
    expected.set(again, at);
    expect(innerOf(flattenRecords([...records, { offset: at, bytes: again }])).equals(expected)).toBe(true);
  });

  test("any records: as if they were written one after the other", () => {
    const record = fc.record({ offset: fc.nat(3000), size: fc.integer({ min: 1, max: 900 }), seed: fc.nat(1000) });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 30 }), (descriptions) => {
        const records: FlatRecord[] = descriptions.map(({ offset, size, seed }) => ({
          offset,
          bytes: noiseBytes(seed, size),
        }));
        const expected = Buffer.alloc(Math.max(...records.map(({ offset, bytes }) => Number(offset) + bytes.length)));
        for (const { offset, bytes } of records) expected.set(bytes, Number(offset));
        expect(innerOf(flattenRecords(records)).equals(expected)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("damage", () => {
  const small = [{ offset: 0, bytes: noiseBytes(1, 100) }];
  const refused = (flat: Uint8Array) => {
    writeFileSync(path, flat);
    return failureOf(() => openSource(path));
  };

  test.each([
    ["no end marker", flattenRecords(small, { endMarker: false }), "TRUNCATED", "end marker is missing"],
    ["cut off within a record", flatten(inner, { truncateTo: 9000 }), "TRUNCATED", "ends within a record"],
    ["cut off within a record's header", flattenRecords(small, { truncateTo: 4096 + 8 }), "TRUNCATED", "records"],
    ["cut off in the header", flatten(inner, { truncateTo: 20 }), "TRUNCATED", "flattened header"],
    ["a record of no bytes", flattenRecords([{ offset: 5, bytes: new Uint8Array(0) }]), "CORRUPT", "of 0 bytes"],
    [
      "a record of -5 bytes",
      flattenRecords([{ offset: 5, bytes: noiseBytes(1, 9), statedSize: -5 }]),
      "CORRUPT",
      "of -5 bytes",
    ],
    ["a record at -9", flattenRecords([{ offset: -9, bytes: noiseBytes(1, 9) }]), "CORRUPT", "offset -9"],
    [
      "a record at 2^60",
      flattenRecords([{ offset: 1n << 60n, bytes: noiseBytes(1, 9) }]),
      "CORRUPT",
      "offset 1152921504606846976",
    ],
    ["type 2", flatten(inner, { type: 2 }), "UNSUPPORTED", "type 2, version 1"],
    ["version 3", flatten(inner, { version: 3 }), "UNSUPPORTED", "type 1, version 3"],
  ] as const)("%s", (_, flat, code, says) => {
    const error = refused(flat);
    expect(error).toMatchObject({ code, file: path, cure: expect.any(String) });
    expect(error.message).toContain(says);
  });

  test("any file that begins as flattened ones do: read or refused, nothing else", () => {
    const start = flatten(inner, { recordSize: 2000 });
    const change = fc.record({ at: fc.integer({ min: 16, max: start.length - 1 }), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(start.length), (changes, cut) => {
        const bytes = start.slice(0, cut % 3 === 0 ? Math.max(cut, 16) : start.length);
        for (const { at, byte } of changes) if (at < bytes.length) bytes[at] = byte;
        writeFileSync(path, bytes);
        try {
          const image = openSource(path);
          attachSource(image).read(Buffer.alloc(100), 0);
          closeOnce([image])();
        } catch (error) {
          expect(error).toBeInstanceOf(DumpError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
