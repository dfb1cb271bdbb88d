/** What a small damaged or hostile file may make the reader ask for: nothing near what its headers claim. */
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { initialPlan } from "../../src/filter/plan.js";
import { openDump } from "../../src/reader/open.js";
import { openInput } from "../../src/reader/open-input.js";
import { mostData } from "../../src/reader/page-count.js";
import { bytesHeld, closeOnce, openSource } from "../../src/reader/source/source-image.js";
import { Warnings } from "../../src/warnings.js";
import { patternBytes } from "../support/bytes.js";
import { buildElf } from "../support/elf-image.js";
import { temporaryFolder } from "../support/filter.js";
import { flatten } from "../support/flattened-image.js";
import { buildKdump, type KdumpOptions } from "../support/kdump-image.js";
import { vmcoreinfoNote } from "../support/notes.js";
import { failureOf, failureOfAsync, openError, withDump } from "../support/open.js";

const folder = temporaryFolder();
const TiB = 2 ** 40;
const PAGE = 4096;
const notes = [vmcoreinfoNote("OSRELEASE=6.1.0\nPAGESIZE=4096\n")];
const data = patternBytes("page ", PAGE);

/** An ELF file of a page, and memory of that size that is said to have been left out of it. */
const elfOf = (memsz: number, paddr = 0x10_0000) =>
  buildElf({
    notes,
    loads: [
      { paddr: 0, data },
      { paddr, data: new Uint8Array(0), memsz },
    ],
  });

/** A kdump of a page with other numbers in its header; what is not written of its bitmaps are holes of a flattened file. */
const kdumpOf = (maxMapnr: number, more: Partial<KdumpOptions> = {}) => {
  const blocks = 2 * Math.ceil(maxMapnr / 8 / PAGE);
  const whole = buildKdump({
    pages: new Map([[0, { codec: "raw" as const, data }]]),
    notes,
    header: { bitmapBlocks: blocks },
    subHeader: { maxMapnr64: maxMapnr },
    ...more,
  });
  return flatten(whole, { after: [{ offset: 2 * PAGE * blocks + 8 * TiB, bytes: new Uint8Array(1) }] });
};

describe("memory that a file of a few KiB claims", () => {
  test.each([3, 64, 127])("%i TiB in an ELF file", (size) => {
    const error = openError(folder, elfOf(size * TiB), "LIMIT");
    expect(error.message).toMatch(/claims \d+ pages of memory, but holds \d+ bytes; at most 536870912 are/);
  });

  test("1 TiB is no more than a large machine has", () => {
    withDump(folder, elfOf(TiB), (dump) => expect(dump.maxMapnr).toBe(2 ** 28 + 256));
  });

  test("64 TiB in a kdump file whose bitmaps are holes; also with --salvage, which believes less", () => {
    const bytes = kdumpOf(2 ** 34);
    openError(folder, bytes, "LIMIT");
    const path = join(folder, "salvaged");
    writeFileSync(path, bytes);
    const dump = openDump(path, new Warnings(), { salvage: true });
    expect(dump.maxMapnr).toBe(2 ** 29);
    dump.close();
  });

  test.each([8, 60, 127])("memory at %i TiB: bitmaps of what is there, a step of them at each place", (place) => {
    withDump(folder, elfOf(PAGE, place * TiB), (dump) => {
      const { exists, maxMapnr } = initialPlan(dump, undefined);
      expect(maxMapnr).toBe((place * TiB) / PAGE + 1);
      expect(exists.bytes.length).toBe(2 ** 15);
    });
  });
});

describe("data that a file of a few KiB claims", () => {
  const whole = (filesz: number) => {
    const bytes = Buffer.from(buildElf({ notes, loads: [{ paddr: 0, data }] }));
    // The second program header is that of the memory: its p_filesz and p_memsz.
    const at = Number(bytes.readBigUInt64LE(32)) + 56 + 32;
    for (const offset of [at, at + 8]) bytes.writeBigUInt64LE(BigInt(filesz), offset);
    return bytes;
  };
  const gap = (filesz: number) =>
    flatten(whole(filesz), { after: [{ offset: filesz + 4 * PAGE, bytes: new Uint8Array(1) }] });

  test("gaps of a flattened file", () => {
    const error = openError(folder, gap(TiB), "LIMIT");
    expect(error.message).toMatch(
      /claims 1099511627776 bytes of data, but stores \d+; at most 8589934592 are believed/,
    );
    withDump(folder, gap(2 ** 33), (dump) => expect(dump.maxMapnr).toBe(2 ** 21));
    expect([mostData(0), mostData(2 ** 20)]).toEqual([2 ** 33, 2 ** 36]);
  });

  test("holes of the disk", () => {
    const path = join(folder, "sparse");
    writeFileSync(path, whole(TiB));
    truncateSync(path, TiB + 4 * PAGE);
    const source = openSource(path);
    // Where the file system does not say what it stores, the size counts.
    const isKnown = bytesHeld(source) < 2 ** 20;
    closeOnce([source])();
    if (!isKnown) return;
    expect(failureOf(() => openDump(path))).toMatchObject({ code: "LIMIT" });
  });
});

test("64 TiB, where the file has 64 MiB", () => {
  const path = join(folder, "large");
  // Holes would not count.
  writeFileSync(path, Buffer.concat([elfOf(64 * TiB), Buffer.alloc(2 ** 26)]));
  const dump = openDump(path);
  expect(dump.maxMapnr).toBe(2 ** 34 + 256);
  dump.close();
});

test("a bitmap in which every second page exists: refused, or with --salvage joined", () => {
  const pages = 2 ** 22;
  const path = join(folder, "alternating");
  const bytes = Buffer.from(
    buildKdump({ pages: new Map([[0, { codec: "raw", data }]]), notes, maxMapnr: pages, excluded: [2] }),
  );
  const bitmap = bytes.indexOf(Buffer.from([0b101, 0, 0, 0, 0, 0, 0, 0]), PAGE + 8);
  bytes.fill(0b0101_0101, bitmap, bitmap + pages / 8);
  writeFileSync(path, bytes);
  expect(failureOf(() => openDump(path)).message).toMatch(/memory in more than 1048576 pieces/);
  const dump = openDump(path, new Warnings(), { salvage: true });
  expect(dump.ranges.length).toBe(2 ** 20 + 1);
  expect(dump.ranges.at(-1)).toEqual({ start: 2 ** 21 * PAGE, end: pages * PAGE });
  dump.close();
});

test("a number of CPUs that no kernel has is a damaged one: each would be a note of an output", () => {
  for (const [cpus, found] of [
    [8, 8],
    [8192, 8192],
    [8193, 0],
    [1_966_081, 0],
    [-1, 0],
  ] as const) {
    const bytes = Buffer.from(buildKdump({ pages: new Map([[0, { codec: "raw", data }]]) }));
    // nr_cpus of a 64-bit disk_dump_header.
    bytes.writeInt32LE(cpus, 460);
    withDump(folder, bytes, ({ header }) => expect(header.cpus, `${cpus}`).toBe(found));
  }
});

test("files that cannot be opened are closed", () => {
  const open = () => readdirSync("/proc/self/fd").length;
  const before = open();
  for (let i = 0; i < 30; i++) openError(folder, flatten(data, { version: 2 }), "UNSUPPORTED");
  for (let i = 0; i < 30; i++) openError(folder, elfOf(64 * TiB), "LIMIT");
  expect(open()).toBeLessThan(before + 20);
});

test("a packed file whose reading is stopped is closed once: its number may be another file's by then", async () => {
  const path = join(folder, "packed");
  writeFileSync(path, gzipSync(Buffer.concat([elfOf(PAGE), randomBytes(3 << 20)])));
  for (let i = 0; i < 5; i++) {
    const stop = new AbortController();
    const opened = openInput(path, new Warnings(), { signal: stop.signal, onSpool: () => stop.abort() });
    expect((await failureOfAsync(() => opened)).code).toBe("ABORTED");
    // A file that was closed twice would take this one with it.
    const fd = openSync(path, "r");
    await new Promise((resolve) => setTimeout(resolve, 20));
    closeSync(fd);
  }
});
