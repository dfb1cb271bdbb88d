/** Where bare memory lies: found by what is in it (`--raw auto`), or by the addresses of several files. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { completeWithKernel } from "../../../src/kernel/complete-dump.js";
import { runAtOnce } from "../../../src/long-work.js";
import { openDump } from "../../../src/reader/open.js";
import { openInput } from "../../../src/reader/open-input.js";
import type { OpenOptions } from "../../../src/reader/open-sources.js";
import { findLayout, layoutText } from "../../../src/reader/raw/find-layout.js";
import type { ByteSource } from "../../../src/reader/source/byte-source.js";
import { Warnings } from "../../../src/warnings.js";
import { patternBytes } from "../../support/bytes.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { temporaryFolder } from "../../support/filter.js";
import { failureOf } from "../../support/open.js";
import { ramOf } from "../../support/raw-image.js";

const folder = temporaryFolder();
const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** boot_params with an e820 map: entries are [start, end, type]. */
function bootParams(entries: readonly (readonly [number, number, number])[]): Buffer {
  const page = Buffer.alloc(4096);
  page[0x1e8] = entries.length;
  page.writeUInt16LE(0xaa55, 0x1fe);
  page.write("HdrS", 0x202);
  entries.forEach(([start, end, type], i) => {
    page.writeBigUInt64LE(BigInt(start), 0x2d0 + 20 * i);
    page.writeBigUInt64LE(BigInt(end - start), 0x2d8 + 20 * i);
    page.writeUInt32LE(type, 0x2e0 + 20 * i);
  });
  return page;
}

/** A file of that size, zeros but for one piece: nothing of it is stored. */
function sparse(size: number, at: number, bytes: Uint8Array) {
  return {
    name: "image",
    size,
    read(into: Uint8Array, offset: number) {
      const length = Math.max(0, Math.min(into.length, size - offset));
      into.fill(0, 0, length);
      const from = Math.max(at, offset);
      const to = Math.min(at + bytes.length, offset + length);
      if (to > from) into.set(bytes.subarray(from - at, to - at), from - offset);
      return length;
    },
  };
}

const find = (source: ByteSource) => runAtOnce(findLayout(source, source.size, new Warnings()));

const low = [0, 0x9fc00, 1] as const;
const bios = [0x9fc00, 0xa0000, 2] as const;

describe("an e820 map", () => {
  test.each([
    ["less than 3 GiB", 40 * MiB, [low, bios, [MiB, 39 * MiB, 1], [39 * MiB, 40 * MiB, 2]], "0-"],
    [
      "a hole from 24 MiB to 4 GiB, as if it were 3 GiB",
      40 * MiB,
      [low, bios, [MiB, 24 * MiB, 1], [4 * GiB, 4 * GiB + 16 * MiB, 1]],
      "0-0x1800000,0x100000000-",
    ],
    [
      "firmware's memory below the hole",
      40 * MiB,
      [low, [MiB, 22 * MiB, 1], [22 * MiB, 24 * MiB, 3], [4 * GiB, 4 * GiB + 16 * MiB, 1]],
      "0-0x1800000,0x100000000-",
    ],
  ] as const)("%s", (_, size, entries, layout) => {
    const found = find(sparse(size, 3 * MiB + 0x120, bootParams(entries)));
    expect(layoutText(found.pieces)).toBe(layout);
    expect(found.by).toBe("by its e820 map");
  });

  test.each([
    ["of another machine: it does not fit the size", [low, [MiB, 24 * MiB, 1], [4 * GiB, 4 * GiB + 64 * GiB, 1]]],
    ["that goes backwards", [low, [0x1000, 40 * MiB, 1]]],
    ["that does not begin at 0", [[MiB, 40 * MiB, 1]]],
    ["of unknown types", [low, [MiB, 40 * MiB, 77]]],
  ] as const)("%s is not taken", (_, entries) => {
    const failure = failureOf(() => find(sparse(40 * MiB, 3 * MiB, bootParams(entries))));
    expect(failure).toMatchObject({ code: "BAD_OPTION", file: "image" });
    expect(failure.cure).toContain("0-3G,4G-");
  });
});

test.each([
  ["NUMBER(PHYS_OFFSET)=0x40000000\n", "0x40000000-"],
  ["NUMBER(phys_ram_base)=0x80000000\n", "0x80000000-"],
  ["", "0-"],
])("the base in VMCOREINFO: %j", (line, layout) => {
  const info = `OSRELEASE=6.1.0\nPAGESIZE=4096\nSYMBOL(init_uts_ns)=ffffffff81001000\nSIZE(page)=64\n${line}`;
  expect(layoutText(find(sparse(8 * MiB, 5 * MiB, Buffer.from(`${info}\0`))).pieces)).toBe(layout);
});

describe("files at addresses", () => {
  const [a, b] = [join(folder, "a"), join(folder, "b@0")];
  const [first, second] = [patternBytes("first", 8192), patternBytes("second", 12_288)];
  writeFileSync(a, first);
  writeFileSync(b, second);
  const open = (names: readonly string[], options: OpenOptions = {}) => {
    const dump = openDump(names, new Warnings(), options);
    dump.close();
    return dump;
  };

  test("several, in any order, with K, M, G and T; a file that is called so itself is meant by its name", async () => {
    const dump = await openInput([`${b}@4G`, `${a}@0x1000`]);
    expect(dump.ranges).toEqual([
      { start: 0x1000, end: 0x3000 },
      { start: 4 * GiB, end: 4 * GiB + 12_288 },
    ]);
    const page = Buffer.alloc(4096);
    expect(dump.memory.read(page, 0x2000)).toBe(4096);
    expect(page.equals(first.subarray(4096))).toBe(true);
    expect(dump.memory.read(page, 4 * GiB + 4096)).toBe(4096);
    expect(page.equals(second.subarray(4096, 8192))).toBe(true);
    dump.close();
    expect(failureOf(() => open([b])).code).toBe("NOT_A_DUMP");
  });

  test.each([
    ["that overlap", [`${a}@0`, `${b}@4K`], {}, /reaches to 0x2000/],
    ["only some with an address", [`${a}@0`, b], {}, /1 of 2 inputs have an address/],
    ["and --raw", [`${a}@0`], { raw: "auto" }, /has an address behind its name, and/],
  ] as const)("%s", (_, names, options, says) => {
    const failure = failureOf(() => open(names, options));
    expect(failure.code).toBe("BAD_OPTION");
    expect(failure.message).toMatch(says);
  });
});

describeWithDumps("real dumps", () => {
  test.each([
    ["tiny-x86-6.1", "e820 map"],
    ["tiny-arm64-6.12-64k-va52", "VMCOREINFO"],
    ["x86-6.12-tiny", "e820 map"],
  ])("%s: its memory alone, found by its %s, leads to its kernel", async (name, by) => {
    const pieces = ramOf((await realDump(name)).vmcore);
    const path = join(folder, name);
    writeFileSync(path, Buffer.concat(pieces.map(({ data }) => data)));
    const opened = openDump(path, new Warnings(), { raw: "auto" });
    try {
      expect(opened.header.description).toMatch(new RegExp(`by its ${by}$`));
      expect(opened.ranges).toEqual(pieces.map(({ start, data }) => ({ start, end: start + data.length })));
      expect(completeWithKernel(opened, new Warnings()).dump.vmcoreinfo).toBeDefined();
    } finally {
      opened.close();
    }
  });
});
