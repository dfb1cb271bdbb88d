/** Memory images as they are read: LiME, AVML and raw files, whole and damaged. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DumpError, type DumpErrorCode } from "../../../src/errors.js";
import { attachMemory, fillBitmaps } from "../../../src/reader/attach.js";
import { sharedBitmap } from "../../../src/reader/bitmap.js";
import { openDump } from "../../../src/reader/open.js";
import type { OpenOptions } from "../../../src/reader/open-sources.js";
import { readPages } from "../../../src/reader/physical-memory.js";
import { addressOf, parseRawPieces } from "../../../src/reader/raw/pieces.js";
import { crc32c } from "../../../src/reader/raw/snappy-frames.js";
import { noiseBytes, patternBytes } from "../../support/bytes.js";
import { buildElf } from "../../support/elf-image.js";
import { temporaryFolder } from "../../support/filter.js";
import { flatten } from "../../support/flattened-image.js";
import { failureOf } from "../../support/open.js";
import { buildAvml, buildLime, type MemoryPiece, slowCrc32c } from "../../support/raw-image.js";

const folder = temporaryFolder();
const path = join(folder, "image");

function withImage<T>(bytes: Uint8Array, use: (dump: ReturnType<typeof openDump>) => T, options: OpenOptions = {}): T {
  writeFileSync(path, bytes);
  const dump = openDump(path, undefined, options);
  try {
    return use(dump);
  } finally {
    dump.close();
  }
}

function expectError(bytes: Uint8Array, code: DumpErrorCode, says: RegExp, options: OpenOptions = {}): void {
  const error = failureOf(() =>
    withImage(bytes, ({ memory, ranges }) => memory.read(Buffer.alloc(1 << 20), ranges[0]?.start ?? 0), options),
  );
  expect(error).toMatchObject({ code, file: path });
  expect(error.message).toMatch(says);
  expect(error.message).not.toContain("\n");
}

/** Low memory as LiME has it, cut within a page; compressible and not; a hole. */
const pieces: readonly MemoryPiece[] = [
  { start: 0x1000, data: patternBytes("low ", 0x9ec00) },
  { start: 0x10_0000, data: Buffer.concat([noiseBytes(1, 300_000), Buffer.alloc(2_500_000), noiseBytes(2, 7456)]) },
  { start: 0x1_0000_0000, data: patternBytes("high ", 0x2_0000) },
];

function byteAt(paddr: number): number | undefined {
  const piece = pieces.find(({ start, data }) => paddr >= start && paddr < start + data.length);
  return piece?.data[paddr - piece.start];
}

const images: readonly (readonly [string, () => Uint8Array, OpenOptions])[] = [
  ["LiME", () => buildLime(pieces), {}],
  ["LiME of a big-endian machine", () => buildLime(pieces, "big"), {}],
  ["LiME, ranges in any order", () => buildLime([...pieces].reverse()), {}],
  ["LiME, flattened", () => flatten(buildLime(pieces), { recordSize: 5000 }), {}],
  ["AVML", () => buildAvml(pieces), {}],
  ["AVML, ranges in any order", () => buildAvml([...pieces].reverse()), {}],
  ["AVML, small chunks, some plain, some to be skipped", () => buildAvml(pieces, { chunk: 4096, mixed: true }), {}],
  [
    "raw",
    () => Buffer.concat(pieces.map(({ data }) => data)),
    { raw: pieces.map(({ start, data }, i) => ({ start, end: i === 2 ? undefined : start + data.length })) },
  ],
];

describe.each(images)("%s", (_, build, options) => {
  test("ranges, pages that exist, and every byte, in order and out of it", () => {
    withImage(
      build(),
      (dump) => {
        expect(dump.ranges).toEqual(pieces.map(({ start, data }) => ({ start, end: start + data.length })));
        expect(dump.maxMapnr).toBe(0x1_0002_0000 / 4096);
        const bitmaps = { exists: sharedBitmap(dump.maxMapnr), data: sharedBitmap(dump.maxMapnr) };
        fillBitmaps(dump.image, bitmaps);
        expect(bitmaps.exists.bytes[0]).toBe(0xfe);
        // 0x9fc00 lies within page 0x9f: it is there, with zeros behind.
        expect(bitmaps.exists.bytes[0x9f >> 3]).toBe(0xff);
        expect(bitmaps.exists.bytes[0xa0 >> 3]).toBe(0);
        expect(bitmaps.data).toEqual(bitmaps.exists);
        const memory = attachMemory(structuredClone(dump.image));
        for (const { start, data } of pieces) {
          const whole = Buffer.alloc(data.length + 1);
          expect(memory.read(whole, start)).toBe(data.length);
          expect(whole.subarray(0, -1).equals(data)).toBe(true);
        }
        const edge = Buffer.alloc(4096, 0xee);
        readPages(memory, 0x9f000, edge);
        expect(edge.subarray(0xc00).every((byte) => byte === 0)).toBe(true);
        expect([0, 0x1000, 0x9_fc00, 0x5000_0000, 0x1_0002_0000].map((at) => memory.next(at))).toEqual([
          0x1000,
          0x1000,
          0x10_0000,
          0x1_0000_0000,
          Number.POSITIVE_INFINITY,
        ]);
        const address = fc
          .constantFrom(...pieces)
          .chain(({ start, data }) => fc.nat(data.length - 1).map((n) => start + n));
        fc.assert(
          fc.property(address, fc.integer({ min: 1, max: 150_000 }), (at, length) => {
            const into = Buffer.alloc(length);
            const n = memory.read(into, at);
            expect(into[0]).toBe(byteAt(at));
            expect(into[n - 1]).toBe(byteAt(at + n - 1));
            if (n < length) expect(byteAt(at + n)).toBeUndefined();
          }),
          { numRuns: 30 },
        );
      },
      options,
    );
  });
});

test("what an image says of itself", () => {
  const facts = (bytes: Uint8Array, options: OpenOptions = {}) =>
    withImage(
      bytes,
      ({ header, machine, machineGuessed }) => [header.format, header.codecs, machine.arch, machineGuessed],
      options,
    );
  expect(facts(buildLime(pieces))).toEqual(["lime", [], "x86_64", true]);
  expect(facts(buildAvml(pieces))).toEqual(["avml", ["snappy"], "x86_64", true]);
  const s390x = { arch: "s390x", wordSize: 8, littleEndian: false } as const;
  expect(facts(Buffer.alloc(5), { raw: [{ start: 0, end: undefined }], machine: s390x })).toEqual([
    "raw",
    [],
    "s390x",
    false,
  ]);
});

describe("refused", () => {
  const one: readonly MemoryPiece[] = [{ start: 0x1000, data: patternBytes("one ", 100_000) }];
  const header = (changes: object) => buildLime(one.map((piece) => ({ ...piece, header: changes })));
  const raw = [{ start: 0, end: undefined }];

  test.each<[string, Uint8Array, DumpErrorCode, RegExp]>([
    ["LiME cut off in a range", buildLime(one).subarray(0, 90_000), "TRUNCATED", /ends within a range: 100000 bytes/],
    ["LiME cut off in a header", buildLime([...one, ...one]).subarray(0, 100_050), "TRUNCATED", /header of a range/],
    ["LiME of version 3", header({ version: 3 }), "UNSUPPORTED", /version 3; LiME is version 1/],
    ["a range that ends before it starts", header({ last: 5 }), "CORRUPT", /range from 0x1000 to 0x5/],
    ["an address beyond all", header({ last: -1n }), "LIMIT", /last address of a range is 0xf{16}/],
    ["no memory", header({ last: 0xfff }), "CORRUPT", /instead of the magic/],
    ["nothing but an empty range", header({ last: 0xfff }).subarray(0, 32), "NOT_A_DUMP", /without any memory/],
    ["AVML cut off", buildAvml(one).subarray(0, 300), "TRUNCATED", /snappy/],
    ["AVML without its last length", buildAvml(one).subarray(0, -1), "TRUNCATED", /length of a range/],
    ["AVML of another length", buildAvml(one, { lengthError: 1 }), "CORRUPT", /as the length of a range/],
    ["AVML with wrong checksums", buildAvml(one, { checksumError: 1 }), "CORRUPT", /checksum is wrong/],
    ["AVML with more than it says", buildAvml(one, { header: { last: 0x1fff } }), "CORRUPT", /more bytes in a range/],
    ["AVML with less than it says", buildAvml(one, { header: { last: 0x2_0000 } }), "CORRUPT", /has /],
    ["AVML of version 1", buildAvml(one, { header: { version: 1 } }), "UNSUPPORTED", /version 1; AVML is version 2/],
    ["AVML with ranges that overlap", buildAvml([...one, ...one]), "CORRUPT", /ranges that overlap/],
    ["AVML with a range of LiME", Buffer.concat([buildAvml(one), buildLime(one)]), "CORRUPT", /instead of the magic/],
  ])("%s", (_, bytes, code, says) => {
    expectError(bytes, code, says);
  });

  test("what raw is not", () => {
    expectError(buildLime(one), "BAD_OPTION", /is a dump with headers, not bare memory/, { raw });
    writeFileSync(join(folder, "guest.ram"), Buffer.alloc(8192, 1));
    const tar = execFileSync("tar", ["c", "-C", folder, "guest.ram"]);
    expectError(tar, "NOT_A_DUMP", /is a tar archive, not bare memory/, { raw });
    expectError(buildElf({ loads: [], notes: [] }), "BAD_OPTION", /not bare memory\. Leave out `raw`/, { raw });
    expectError(Buffer.alloc(9), "BAD_OPTION", /has 9 bytes, but the ranges of `raw` have 8/, {
      raw: [{ start: 0, end: 8 }],
    });
    expectError(Buffer.alloc(9), "BAD_OPTION", /the ranges of `raw` overlap/, {
      raw: [
        { start: 0, end: 8 },
        { start: 7, end: undefined },
      ],
    });
    expectError(Buffer.alloc(9), "NOT_A_DUMP", /for bare memory give `raw: "auto"`/);
  });

  test("a machine for a dump that says it itself", () => {
    const machine = { arch: "arm64", wordSize: 8, littleEndian: true } as const;
    const elf = buildElf({ loads: [{ paddr: 0, data: Buffer.alloc(9) }], notes: [] });
    expectError(elf, "BAD_OPTION", /Leave out `machine`/, { machine });
  });

  test("damage anywhere ends in a DumpError or in memory, never otherwise", () => {
    const bases = [buildLime(pieces.slice(0, 1)), buildAvml(pieces.slice(0, 1), { chunk: 9000, mixed: true })];
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.constantFrom(...bases), fc.array(change, { minLength: 1, maxLength: 4 }), (base, changes) => {
        const bytes = Buffer.from(base);
        for (const { at, byte } of changes) bytes[at % Math.min(bytes.length, 4000)] = byte;
        try {
          withImage(bytes, ({ memory, ranges }) => memory.read(Buffer.alloc(1 << 20), ranges[0]?.start ?? 0));
        } catch (error) {
          if (!(error instanceof DumpError)) throw error;
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("--raw's value", () => {
  test.each<[string, ReturnType<typeof parseRawPieces>]>([
    ["0", [{ start: 0, end: undefined }]],
    ["0x40000000", [{ start: 0x4000_0000, end: undefined }]],
    ["2G-", [{ start: 0x8000_0000, end: undefined }]],
    [
      "0-0xc0000000,0x100000000-",
      [
        { start: 0, end: 0xc000_0000 },
        { start: 0x1_0000_0000, end: undefined },
      ],
    ],
    [
      "4g-5g, 0-640K",
      [
        { start: 0x1_0000_0000, end: 0x1_4000_0000 },
        { start: 0, end: 0xa_0000 },
      ],
    ],
  ])("%s", (text, expected) => {
    expect(parseRawPieces(text)).toEqual(expected);
  });

  test.each(["", "x", "1-0", "5-5", "0-1-2", "0,4G", "0-,4G-", "-5", "0x", "1.5G", "0-9999999T", "0-x"])(
    "refused: %j",
    (text) => {
      const error = failureOf(() => parseRawPieces(text));
      expect(error).toMatchObject({ code: "BAD_OPTION" });
      expect(error.message).toContain(`\`raw\` ${text}: `);
    },
  );

  test("an address is a number of bytes that JavaScript can count", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect([addressOf(`${value}`), addressOf(`0x${value.toString(16)}`)]).toEqual([value, value]);
      }),
    );
  });
});

test("CRC-32C: the check value of its definition, and the slow way", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe306_9283);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(7), (bytes, skip) => {
      const part = bytes.subarray(skip);
      expect(crc32c(part)).toBe(slowCrc32c(part));
    }),
  );
});
