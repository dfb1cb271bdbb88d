/** LKCD's dumps: pages raw, in run lengths and zlib, in any order, and what is wrong is named. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDump } from "../../../src/reader/open.js";
import { unpackRle } from "../../../src/reader/paged/memory.js";
import { Warnings } from "../../../src/warnings.js";
import { noiseBytes, patternBytes } from "../../support/bytes.js";
import { describeWithDumps, readGolden, realDump } from "../../support/dumps.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { goldenKept, keptPages } from "../../support/golden.js";
import { buildLkcd, type LkcdOptions } from "../../support/lkcd-image.js";
import { failureOf } from "../../support/open.js";
import { ramOf } from "../../support/raw-image.js";

const path = join(temporaryFolder(), "dump");
const low = Buffer.concat([patternBytes("low ", 2 * 4096), Buffer.alloc(4096), noiseBytes(3, 4096)]);
const high = Buffer.concat([Buffer.alloc(4096, 9), patternBytes("\0\0x", 4096)]);
const pieces = [
  { start: 0x1000, data: low },
  { start: 0x4000_0000, data: high },
];

function opened(options: Partial<LkcdOptions> = {}, salvage = false, cut = 0) {
  const bytes = buildLkcd({ pieces, ...options });
  writeFileSync(path, bytes.subarray(0, bytes.length - cut));
  const warnings = new Warnings();
  const dump = openDump(path, warnings, { salvage });
  try {
    const [first, second] = [Buffer.alloc(low.length), Buffer.alloc(high.length)];
    const read = [dump.memory.read(first, 0x1000), dump.memory.read(second, 0x4000_0000)];
    return { dump, first, second, read, codes: warnings.list.map(({ code }) => code) };
  } finally {
    dump.close();
  }
}

describe("a dump of LKCD", () => {
  test.each([
    ["pages as they are", { packing: "none" }],
    ["run lengths", { packing: "rle" }],
    ["zlib", { packing: "gzip" }],
    ["version 8", { version: 8 }],
    ...[1, 2, 3, 5, 6, 7].flatMap((version) => {
      const packing = version < 5 ? "rle" : "gzip";
      return [
        [`version ${version}, 64 bits`, { version, packing }] as const,
        [`version ${version}, 32 bits`, { version, packing, wordSize: 4, machine: "i686" }] as const,
      ];
    }),
    ["a version with flags", { version: 0x8000_0009 }],
    ["big endian", { byteOrder: "big", machine: "s390x" }],
    ["the last page first", { reversed: true }],
    ["of a running machine", { live: true }],
  ] as const)("%s", (_, options) => {
    const { dump, first, second, read, codes } = opened(options);
    expect([codes, read]).toEqual([[], [low.length, high.length]]);
    expect([first.equals(low), second.equals(high)]).toEqual([true, true]);
    expect(dump.ranges).toEqual([
      { start: 0x1000, end: 0x1000 + low.length },
      { start: 0x4000_0000, end: 0x4000_0000 + high.length },
    ]);
    expect(dump.header).toMatchObject({ format: "lkcd", incomplete: false, timestamp: 1_700_000_000 });
    const [arch] = "machine" in options ? (options.machine === "i686" ? ["i386"] : [options.machine]) : ["x86_64"];
    expect(dump.machine.arch).toBe(arch);
  });

  test("its header has the page size: no warning says that it is guessed", async () => {
    writeFileSync(path, buildLkcd({ pieces: [{ start: 0x2000, data: low }], machine: "ia64", pageSize: 8192 }));
    const warnings = new Warnings();
    await filterFile(path, join(temporaryFolder(), "out"), { level: 0, warnings });
    expect(warnings.list.map(({ code }) => code)).toEqual(["NO_KERNEL_VIEW"]);
  });

  test("pages in its header that the machine's kernels cannot have are only the unit of its records", () => {
    const { dump, second, read, codes } = opened({ pieces: [{ start: 0x4000_0000, data: high }], pageSize: 8192 });
    expect([codes, read[1], second.equals(high)]).toEqual([["PAGE_SIZE_GUESSED"], high.length, true]);
    expect([dump.pageSize, dump.maxMapnr]).toEqual([4096, 0x4_0002]);
  });

  test("that is cut off is refused, and salvaged as far as it goes", () => {
    expect(failureOf(() => opened({ packing: "none" }, false, 17)).code).toBe("TRUNCATED");
    const { read, codes, dump } = opened({ packing: "none" }, true, 17);
    expect([read, codes, dump.header.incomplete]).toEqual([[low.length, 4096], ["CUT_OFF"], true]);
    expect(failureOf(() => opened({ noEnd: true })).code).toBe("TRUNCATED");
  });

  test.each([
    ["version 4, of which there is no description,", { version: 4 }, "UNSUPPORTED"],
    ["a later version", { version: 11 }, "UNSUPPORTED"],
    ["version 7 of neither 32 nor 64 bits", { version: 7, byteOrder: "big", sysname: "BSD" }, "CORRUPT"],
    ["an unknown machine", { machine: "vax" }, "UNSUPPORTED"],
    ["pages of less than 4 KiB", { pageSize: 2048 }, "CORRUPT"],
  ] as const)("of %s is refused", (_, options, code) => {
    expect(failureOf(() => opened(options)).code).toBe(code);
  });

  test("a head that is none of a page's, and a page that does not unpack, are damage", () => {
    const bytes = buildLkcd({ pieces, packing: "none" });
    bytes.writeUInt32LE(77, 8192 + 8);
    writeFileSync(path, bytes);
    expect(failureOf(() => openDump(path))).toMatchObject({
      code: "CORRUPT",
      what: expect.stringMatching(/a page of 77/),
    });
    // An address that no dump of this size has is damage too, which salvage ends with.
    bytes.writeUInt32LE(4096, 8192 + 8);
    bytes.writeBigUInt64LE(2n ** 51n, 8192 + 2 * (16 + 4096));
    writeFileSync(path, bytes);
    expect(failureOf(() => openDump(path)).code).toBe("CORRUPT");
    const salvaged = openDump(path, new Warnings(), { salvage: true });
    expect([salvaged.header.incomplete, salvaged.maxMapnr]).toEqual([true, 3]);
    salvaged.close();
    for (const packing of ["rle", "gzip"] as const) {
      const packed = buildLkcd({ pieces: [{ start: 0x1000, data: Buffer.alloc(4096, 9) }], packing });
      packed.fill(0xff, 8192 + 16, 8192 + 20);
      writeFileSync(path, packed);
      const dump = openDump(path);
      expect(failureOf(() => dump.memory.read(new Uint8Array(16), 0x1000)).code).toBe("CORRUPT");
      dump.close();
    }
  });
});

test.each([
  [
    [0, 3, 7, 5],
    [7, 7, 7, 5],
  ],
  [
    [0, 0, 1, 0, 0, 2],
    [0, 1, 0, 2],
  ],
  [[1, 2, 3], undefined],
  [[0, 5, 1], undefined],
  [[0, 4], undefined],
  [[1, 2, 3, 4, 5], undefined],
])("run lengths %j of a page of 4 bytes", (packed, expected) => {
  const page = new Uint8Array(4);
  const whole = unpackRle(Uint8Array.from(packed), page);
  expect(whole ? [...page] : undefined).toEqual(expected);
});

describeWithDumps("the memory of a real dump", () => {
  test.each(["gzip", "rle"] as const)("in %s: the same pages are kept", async (packing) => {
    const memory = ramOf((await realDump("tiny-x86-6.1")).vmcore);
    writeFileSync(path, buildLkcd({ pieces: memory, packing }));
    await filterFile(path, `${path}.out`);
    expect(keptPages(`${path}.out`)).toEqual(goldenKept(readGolden("tiny-x86-6.1"), 31));
  });
});
