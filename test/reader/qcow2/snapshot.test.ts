/** Machines saved in qcow2 disk images. Real ones, of QEMU: test/services/qemu.test.ts. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DumpErrorCode } from "../../../src/errors.js";
import { attachMemory } from "../../../src/reader/attach.js";
import { openDump } from "../../../src/reader/open.js";
import type { OpenOptions } from "../../../src/reader/open-sources.js";
import { fileRanges } from "../../../src/reader/source/file-ranges.js";
import { Warnings } from "../../../src/warnings.js";
import { noiseBytes } from "../../support/bytes.js";
import { temporaryFolder } from "../../support/filter.js";
import { buildMigration } from "../../support/migration-stream.js";
import { failureOf } from "../../support/open.js";
import { buildQcow2, type Qcow2Options } from "../../support/qcow2-image.js";

const folder = temporaryFolder();
const path = join(folder, "disk.qcow2");
const PAGE = 4096;

/** A machine of 64 pages, some of which are noise. */
const machine = (seed: number) =>
  buildMigration({
    blocks: [{ name: "pc.ram", length: 64 * PAGE }],
    parts: [[0, 5, 63].map((page) => ({ page, data: noiseBytes(seed + page, PAGE) }))],
  });

function open(options: Qcow2Options, more: OpenOptions = {}, cut = 0) {
  const bytes = buildQcow2(options);
  writeFileSync(path, cut === 0 ? bytes : bytes.subarray(0, cut));
  const warnings = new Warnings();
  const dump = openDump(path, warnings, more);
  const page = (pfn: number) => {
    const into = Buffer.alloc(PAGE);
    return into.subarray(0, attachMemory(structuredClone(dump.image)).read(into, pfn * PAGE));
  };
  const found = { dump, warnings: warnings.list, pages: [0, 5, 63, 7].map(page) };
  dump.close();
  return found;
}

const expected = (seed: number) => [
  ...[0, 5, 63].map((page) => Buffer.from(noiseBytes(seed + page, PAGE))),
  Buffer.alloc(PAGE),
];

test.each<readonly [string, Partial<Qcow2Options>]>([
  ["clusters of 64 KiB", { clusterBits: 16 }],
  ["clusters of 512 bytes, some hundred tables", { clusterBits: 9 }],
  ["clusters in another order than the machine's", { clusterBits: 10, backwards: true }],
  ["entries with parts of clusters", { clusterBits: 14, extended: true }],
  ["version 2, a disk that ends within a table", { version: 2, diskSize: 3_000_000 }],
])("%s", (_, options) => {
  const { dump, pages, warnings } = open({
    ...options,
    snapshots: [{ name: "before", state: machine(1), seconds: 1_700_000_000 }],
  });
  expect(pages).toEqual(expected(1));
  expect(warnings).toEqual([]);
  expect(dump.header).toMatchObject({ format: "qemu-migration", timestamp: 1_700_000_000 });
  expect(dump.header.description).toBe('snapshot "before" in a qcow2 disk image, QEMU migration stream of pc-q35-7.2');
});

test("clusters that lie nowhere are zeros", () => {
  const state = Buffer.concat([machine(1), Buffer.alloc(3 * PAGE)]);
  const { pages } = open({ snapshots: [{ name: "a", state, holes: [Math.floor(state.length / PAGE) - 1] }] });
  expect(pages).toEqual(expected(1));
});

test("of several the newest that has memory is taken, and that is said; --snapshot takes one by its name or number", () => {
  const snapshots = [
    { name: "old", state: machine(1), seconds: 100 },
    { name: "new", state: machine(100), seconds: 300 },
    { name: "middle", state: machine(200), seconds: 200 },
    { name: "disk only", state: new Uint8Array(0), seconds: 400 },
  ];
  const { pages, warnings } = open({ snapshots });
  expect(pages).toEqual(expected(100));
  expect(warnings).toMatchObject([{ code: "SEVERAL_SNAPSHOTS", count: 1 }]);
  expect(warnings[0]?.message).toContain(
    'has 3 snapshots with memory, "old", "new", "middle": the newest, "new", was taken',
  );
  for (const snapshot of ["middle", "3"]) {
    const named = open({ snapshots }, { snapshot });
    expect([named.pages, named.warnings]).toEqual([expected(200), []]);
  }
  expect(failureOf(() => open({ snapshots }, { snapshot: "disk only" }))).toMatchObject({
    code: "BAD_OPTION",
    what: 'has no snapshot "disk only" with memory',
    cure: 'Take one of "old", "new", "middle"',
  });
});

test("where memory lies in the file is told by pieces: what an object store is asked for", () => {
  const bytes = buildQcow2({ clusterBits: 10, backwards: true, snapshots: [{ name: "a", state: machine(1) }] });
  writeFileSync(path, bytes);
  const dump = openDump(path);
  const found: Buffer[] = [];
  fileRanges(dump.image).memory(5 * PAGE, 6 * PAGE, (_, start, end) =>
    found.push(Buffer.from(bytes.subarray(start, end))),
  );
  dump.close();
  expect(Buffer.concat(found).equals(noiseBytes(6, PAGE))).toBe(true);
});

const one = (more: Partial<Qcow2Options["snapshots"][number]> = {}) => [{ name: "a", state: machine(1), ...more }];

test.each<readonly [string, Qcow2Options, DumpErrorCode, RegExp]>([
  [
    "a disk without snapshots",
    { snapshots: [] },
    "NOT_A_DUMP",
    /a qcow2 disk image without a snapshot that has memory. It is a disk/,
  ],
  [
    "snapshots of disks only",
    { snapshots: one({ state: new Uint8Array(0) }) },
    "NOT_A_DUMP",
    /without a snapshot that has memory/,
  ],
  ["an encrypted disk", { snapshots: one(), encryption: 2 }, "UNSUPPORTED", /whose content is encrypted/],
  ["data in another file", { snapshots: one(), incompatible: 4 }, "UNSUPPORTED", /whose data lie in another file/],
  ["a version to come", { snapshots: one(), version: 4 }, "UNSUPPORTED", /of version 4; 2 and 3 are known/],
  ["compressed clusters", { snapshots: one({ entryBits: 1n << 62n }) }, "UNSUPPORTED", /in compressed clusters/],
  [
    "a state longer than its tables",
    { snapshots: one({ stateSize: 2n ** 50n }) },
    "CORRUPT",
    /1125899906842624 bytes behind the end of its tables/,
  ],
  [
    "a state longer than anything",
    { snapshots: one({ stateSize: 2n ** 63n }) },
    "LIMIT",
    /the size of a saved machine/,
  ],
  [
    "something else that was saved",
    { snapshots: one({ state: Buffer.alloc(9000, 1) }) },
    "UNSUPPORTED",
    /version 16843009/,
  ],
])("%s: named", (_, options, code, says) => {
  const error = failureOf(() => open(options));
  expect(error).toMatchObject({ code, file: path });
  expect(error.message).toMatch(says);
});

test("an image that is cut off", () => {
  const snapshots = one();
  const size = buildQcow2({ snapshots }).length;
  for (const cut of [10, 80, 4096, 9000, size - 5 * PAGE]) {
    const error = failureOf(() => open({ snapshots }, {}, cut));
    expect(error).toMatchObject({ code: "TRUNCATED", file: path });
  }
});

test("tables that lead into a circle end", () => {
  const state = buildMigration({
    blocks: [{ name: "pc.ram", length: 64 * PAGE }],
    parts: [Array.from({ length: 64 }, (_, page) => ({ page, data: noiseBytes(page, PAGE) }))],
  });
  const bytes = Buffer.from(buildQcow2({ clusterBits: 9, snapshots: [{ name: "a", state }] }));
  // Every entry of the L1 table is the first one.
  const [table, entries] = [
    Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(64)))),
    bytes.readUInt32BE(Number(bytes.readBigUInt64BE(64)) + 8),
  ];
  const first = bytes.readBigUInt64BE(table + 8 * (entries - 1));
  for (let i = 0; i < entries; i++) bytes.writeBigUInt64BE(first, table + 8 * i);
  writeFileSync(path, bytes);
  expect(failureOf(() => openDump(path))).toMatchObject({ file: path });
});
