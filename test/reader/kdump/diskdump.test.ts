/**
 * Dumps of diskdump (Red Hat's kernels 2.4.21 and 2.6.9), which kdump's format comes from: the same headers and descriptors, with registers in place of kdump's sub
 * header, and other meanings of status and flags.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDump } from "../../../src/reader/open.js";
import { Warnings } from "../../../src/warnings.js";
import { noiseBytes, patternBytes } from "../../support/bytes.js";
import { describeWithDumps, readGolden, realDump } from "../../support/dumps.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { goldenKept, keptPages } from "../../support/golden.js";
import { buildKdump, type KdumpOptions, type KdumpPage } from "../../support/kdump-image.js";
import { failureOf } from "../../support/open.js";
import { ramOf } from "../../support/raw-image.js";

const path = join(temporaryFolder(), "dump");
const PAGE = 4096;
const text = patternBytes("page ", PAGE);
const noise = noiseBytes(3, PAGE);
const ANONYMOUS = 2;
const pages = new Map<number, KdumpPage>([
  [1, { codec: "zlib", data: text }],
  [4, { codec: "raw", data: noise }],
  [5, { codec: "raw", data: noise, descriptor: { flags: ANONYMOUS } }],
  [6, { codec: "zlib", data: text, descriptor: { flags: 1 | ANONYMOUS } }],
]);

/** A dump with registers in its sub header, all bits set, which kdump's fields would be nonsense of. */
function diskdump(options: Partial<KdumpOptions> = {}, header: KdumpOptions["header"] = {}): Buffer {
  const bytes = Buffer.from(
    buildKdump({
      ...{ version: 1, pages, excluded: [2], timestamp: 1_100_000_000, status: 8 },
      ...options,
      header: { signature: "DISKDUMP", ...header },
    }),
  );
  bytes.fill(0xff, PAGE, PAGE + 216);
  return bytes;
}

function opened(bytes: Uint8Array) {
  writeFileSync(path, bytes);
  const warnings = new Warnings();
  const dump = openDump(path, warnings);
  return { dump, codes: warnings.list.map(({ code }) => code) };
}

describe("a dump of diskdump", () => {
  test.each([
    ["64 bits", {}, 1],
    ["32 bits", { wordSize: 4, packed32: true, utsname: { machine: "i686" } }, 1],
    ["big endian", { byteOrder: "big", utsname: { machine: "ppc64" } }, 1],
    ["header version 0", {}, 0],
  ] as const)("%s", (_, options, version) => {
    const { dump, codes } = opened(diskdump(options, { version }));
    const page = new Uint8Array(PAGE);
    for (const [pfn, expected] of [
      [1, text],
      [4, noise],
      [5, noise],
      [6, text],
    ] as const) {
      expect(dump.memory.read(page, pfn * PAGE)).toBe(PAGE);
      expect(Buffer.from(page).equals(expected), `page ${pfn}`).toBe(true);
    }
    expect([codes, dump.memory.next(2 * PAGE), dump.notes, dump.vmcoreinfo]).toEqual([[], 4 * PAGE, [], undefined]);
    expect(dump.header).toMatchObject({ codecs: ["zlib"], incomplete: false, dumpLevel: 0, timestamp: 1_100_000_000 });
    expect(dump.header.description).toMatch(/^diskdump, header version [01], /);
    dump.close();
  });

  test.each([1, 2, 4])("that says %i in its status did not come to its end", (status) => {
    const { dump, codes } = opened(diskdump({ status: 8 | status }));
    expect([codes, dump.header.incomplete, dump.header.codecs]).toEqual([["INCOMPLETE"], true, ["zlib"]]);
    dump.close();
  });

  test("kdump's version 0 has phys_base in its sub header, and nothing else", () => {
    const { dump } = opened(diskdump({ status: 0 }, { signature: "KDUMP   ", version: 0 }));
    // All bits of the sub header are set.
    expect([dump.header.dumpLevel, dump.header.headerVersion, dump.notes]).toEqual([0, 0, []]);
    expect(dump.header.physBase).toBe(-1n);
    dump.close();
    const ofDiskdump = opened(diskdump());
    expect(ofDiskdump.dump.header.physBase).toBe(0n);
    ofDiskdump.dump.close();
  });

  test("a copy of its partition is called by its name", () => {
    writeFileSync(path, Buffer.concat([Buffer.alloc(PAGE, "diskdump"), diskdump()]));
    expect(failureOf(() => openDump(path))).toMatchObject({
      code: "NOT_A_DUMP",
      what: expect.stringMatching(/a copy of diskdump's partition/),
    });
  });
});

describeWithDumps("the memory of a real dump in diskdump's form", () => {
  test("the same pages are kept", async () => {
    const all = ramOf((await realDump("tiny-x86-6.1")).vmcore).flatMap(({ start, data }) =>
      Array.from({ length: data.length / PAGE }, (_, i): [number, KdumpPage] => [
        start / PAGE + i,
        { codec: "zlib", data: data.subarray(i * PAGE, (i + 1) * PAGE) },
      ]),
    );
    writeFileSync(path, diskdump({ pages: new Map(all), excluded: [] }));
    await filterFile(path, `${path}.out`);
    expect(keptPages(`${path}.out`)).toEqual(goldenKept(readGolden("tiny-x86-6.1"), 31));
  });
});
