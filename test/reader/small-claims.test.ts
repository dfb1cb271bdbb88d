/**
 * Files of saved machines that store little and claim much: holes of sparse files, tables that point to one place, records of few bytes. What is read,
 * and what is held in memory, is bounded by what they store.
 */
import { closeSync, ftruncateSync, openSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runAtOnce } from "../../src/long-work.js";
import { openDump } from "../../src/reader/open.js";
import {
  ENTRY,
  entryAt,
  entryOf,
  GROUP,
  nextStored,
  nextUnlisted,
  PageIndexBuilder,
  ZERO_ENTRY,
} from "../../src/reader/paged/page-index.js";
import type { DeviceDescription } from "../../src/reader/qemu-migration/description.js";
import { readDevices } from "../../src/reader/qemu-migration/devices.js";
import { indexFixedPages } from "../../src/reader/qemu-migration/mapped-ram.js";
import { readStream } from "../../src/reader/qemu-migration/sections.js";
import { StreamReader } from "../../src/reader/qemu-migration/stream.js";
import type { ByteSource } from "../../src/reader/source/byte-source.js";
import { ByteBuffer } from "../support/bytes.js";
import { temporaryFolder } from "../support/filter.js";
import { buildMigration } from "../support/migration-stream.js";
import { failureOf } from "../support/open.js";
import { buildS390Dump, s390Segments } from "../support/s390-dump.js";
import { buildSadump } from "../support/sadump-image.js";
import { buildXenCore } from "../support/xen-core.js";

const folder = temporaryFolder();
const PAGE = 4096;
const TIB = 2 ** 40;

/** A file of `size` bytes that has these and holes behind them, and the number of bytes that were read of it. */
function counted(bytes: Uint8Array, size = bytes.length): { source: ByteSource; read: () => number } {
  let total = 0;
  const source: ByteSource = {
    name: "file",
    size,
    read(into, position) {
      const n = Math.max(0, Math.min(into.length, size - position));
      into.fill(0, 0, n);
      if (position < bytes.length) into.set(bytes.subarray(position, position + n));
      total += n;
      return n;
    },
  };
  return { source, read: () => total };
}

/** A sparse file. */
function sparse(name: string, size: number, pieces: readonly (readonly [at: number, bytes: Uint8Array])[]): string {
  const path = join(folder, name);
  const file = openSync(path, "w");
  for (const [at, bytes] of pieces) writeSync(file, bytes, 0, bytes.length, at);
  ftruncateSync(file, size);
  closeSync(file);
  return path;
}

const early = (count: number) =>
  buildMigration({
    blocks: [{ name: "pc.ram", length: PAGE }],
    parts: [[{ page: 0, fill: 1 }]],
    early: Array.from({ length: count }, () => ({ name: "x", data: new Uint8Array(3) })),
  });
const thrown = (error: unknown): never => {
  throw error;
};

test("a stream of many short sections is read once", () => {
  const bytes = early(3000);
  const { source, read } = counted(bytes);
  expect(runAtOnce(readStream(new StreamReader(source, 0), thrown)).ramEnded).toBe(true);
  expect(read()).toBeLessThan(2 * bytes.length + 2 ** 21);
});

test("a section without an end is searched as far as the file stores data, and lets the program stop meanwhile", () => {
  const bytes = early(1).subarray(0, 40);
  const { source, read } = counted(bytes, 2 ** 50);
  const work = readStream(new StreamReader(source, 0, bytes.length), thrown);
  let turns = 0;
  const end = failureOf(() => {
    while (work.next().done !== true) turns++;
  });
  expect(end.code).toBe("LIMIT");
  expect(read()).toBeLessThan(2 ** 32);
  expect(turns).toBeGreaterThan(1000);
});

test("descriptions of devices are found without comparing each with all", () => {
  const out = new ByteBuffer("big");
  const count = 3000;
  for (let i = 0; i < count; i++) out.u8(4).u32(7).u8(1).text("y", 1).u32(0).u32(1).u8(0x7e).u32(7);
  out.u8(0);
  let looks = 0;
  const described = Array.from(
    { length: count },
    (): DeviceDescription => ({
      get name() {
        looks++;
        return "x";
      },
      ...{ instance: 0, state: { name: "x", fields: [], subsections: [] } },
    }),
  );
  const { source } = counted(out.toBytes());
  runAtOnce(readDevices(new StreamReader(source, 0), 0, described, () => false));
  expect(looks).toBeLessThan(10 * count);
});

test("pages of few bytes at many places of memory: the index takes no more than a multiple of the file", () => {
  const builder = new PageIndexBuilder(2 ** 29, { held: 2 ** 20, file: "stream" });
  const fill = () => {
    for (let page = 0; page < 2 ** 29; page += GROUP) builder.set(page, entryOf(ENTRY.fill, 1));
  };
  expect(failureOf(fill).code).toBe("LIMIT");
});

test("pages at fixed places of which none is stored take no entries", () => {
  const pages = 2 ** 29;
  const index = new PageIndexBuilder(pages);
  const { source } = counted(new Uint8Array(0), 2 ** 45);
  const reader = new StreamReader(source, 0);
  indexFixedPages(reader, { bitmap: PAGE, pages: 2 ** 30 }, { firstPage: 0, length: pages * PAGE }, PAGE, index);
  index.set(5 * GROUP + 3, entryOf(ENTRY.plain, PAGE));
  const made = index.finish();
  expect(made.entries.length).toBe(1);
  expect([0, 5 * GROUP + 2, pages - 1].map((page) => entryAt(made, page))).toEqual([
    ZERO_ENTRY,
    ZERO_ENTRY,
    ZERO_ENTRY,
  ]);
  expect([nextStored(made, 0, pages), nextStored(made, 5 * GROUP + 4, pages), nextUnlisted(made, 1, pages)]).toEqual([
    5 * GROUP + 3,
    pages,
    pages,
  ]);
});

test("a page with many changes is made once", () => {
  const change = (page: number) => ({ page, changes: [[1, Uint8Array.of(page + 5)]] as const });
  const parts = [Array.from({ length: 400 }, (_, i) => change(i % 2))];
  const stream = buildMigration({ blocks: [{ name: "pc.ram", length: 2 * PAGE }], parts });
  const path = sparse("stream", stream.length, [[0, stream]]);
  const dump = openDump(path);
  const bytes = [0, 1, 0, 1].map((page, i) => {
    // What was read before is not read again.
    if (i === 2) truncateSync(path, 0);
    const word = new Uint8Array(2);
    dump.memory.read(word, page * PAGE);
    return word[1];
  });
  dump.close();
  expect(bytes).toEqual([5, 6, 5, 6]);
});

test.each([
  ["pages that a stream never sent", buildMigration({ blocks: [{ name: "pc.ram", length: 2 * TIB }], parts: [[]] })],
  [
    "what an s390 dump says is zeros",
    buildS390Dump({
      memory: s390Segments([{ start: 0, data: new Uint8Array(PAGE).fill(1) }], true),
      ...{ claimed: TIB, extended: true },
    }),
  ],
])("terabytes of zeros in a file of some KB: %s", (_, bytes) => {
  const path = sparse("zeros", bytes.length, [[0, bytes]]);
  expect(failureOf(() => openDump(path)).code).toBe("LIMIT");
});

/** A qcow2 image with one snapshot: its L1 table, one L2 table and the first cluster of the saved machine. */
function qcow2(l1: readonly bigint[], l2: readonly bigint[]): string {
  const words = (values: readonly bigint[]) => {
    const out = new ByteBuffer("big");
    for (const value of values) out.u64(value);
    return out.toBytes();
  };
  const head = new ByteBuffer("big")
    .text("QFI\xfb", 4)
    .u32(3)
    .seek(20)
    .u32(9)
    .seek(60)
    .u32(1)
    .u64(PAGE)
    .seek(100)
    .u32(104);
  const entry = new ByteBuffer("big").u64(8192).u32(l1.length).u16(1).u16(1).seek(36).u32(16);
  entry
    .u64(l1.length * 64 * 512)
    .u64(0)
    .text("1a", 2);
  return sparse("disk", TIB, [
    [0, head.toBytes()],
    [PAGE, entry.toBytes()],
    [8192, words(l1)],
    [2 ** 21, words(l2)],
    [2 ** 22, early(1)],
  ]);
}

test("a disk image whose tables are all the same one", () => {
  const copied = 1n << 63n;
  const l2 = Array.from({ length: 64 }, (_, i) => BigInt(2 ** 22 + (i % 2) * PAGE) | copied);
  const path = qcow2(new Array<bigint>(2 ** 12).fill(BigInt(2 ** 21) | copied), l2);
  expect(failureOf(() => openDump(path)).code).toBe("LIMIT");
});

test("a Xen core whose index is a hole", () => {
  const entries = 2 ** 19;
  const bytes = buildXenCore({ pieces: [{ start: 0, data: new Uint8Array(4 * PAGE) }], announced: entries });
  const table = Number(bytes.readBigUInt64LE(40));
  const sections = bytes.readUInt16LE(60);
  [
    [sections - 2, 2 ** 22, 8 * entries],
    [sections - 1, 2 ** 30, PAGE * entries],
  ].forEach(([i, at, size]) => {
    bytes.writeBigUInt64LE(BigInt(at as number), table + 64 * (i as number) + 24);
    bytes.writeBigUInt64LE(BigInt(size as number), table + 64 * (i as number) + 32);
  });
  const path = sparse("core", 2 ** 30 + PAGE * entries, [[0, bytes]]);
  expect(failureOf(() => openDump(path)).message).toMatch(/stretches of pages/);
});

test("a dump of sadump with every second page in its bitmap of memory", () => {
  const [bytes] = buildSadump({ pieces: [{ start: 0, data: Buffer.alloc(PAGE, 1) }] }) as [Buffer];
  const blocks = 32;
  const head = Buffer.from(bytes.subarray(0, 3 * PAGE));
  head.writeUInt32LE(blocks, PAGE + 52);
  head.writeUInt32LE(blocks, PAGE + 56);
  head.writeBigUInt64LE(BigInt(blocks * PAGE * 8), PAGE + 88);
  const path = sparse("sadump", (3 + 2 * blocks + 1) * PAGE, [
    [0, head],
    [3 * PAGE, new Uint8Array(blocks * PAGE).fill(0xaa)],
    [(3 + blocks) * PAGE, Uint8Array.of(0x80)],
  ]);
  expect(failureOf(() => openDump(path)).code).toBe("LIMIT");
});

test("a VMware state whose groups all lie in the same place", () => {
  const groups = 100;
  const out = new ByteBuffer("little").u32(0xbed2bed2).u32(8).u32(groups);
  for (let i = 0; i < groups; i++)
    out
      .text("memory", 64)
      .u64(12 + 80 * groups)
      .u64(100);
  for (let i = 0; i < 2000; i++) out.u8(0).u8(1).text("a", 1);
  const path = join(folder, "state.vmss");
  const file = openSync(path, "w");
  writeSync(file, out.u16(0).toBytes());
  closeSync(file);
  expect(failureOf(() => openDump(path)).code).toBe("CORRUPT");
});
