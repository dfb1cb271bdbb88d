/** Damaged and cut-off dumps of every format: an answer or a DumpError, in no time and without asking for memory. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DumpError } from "../../src/errors.js";
import { kernelView } from "../../src/kernel/kernel-view.js";
import { openDump } from "../../src/reader/open.js";
import { readPages } from "../../src/reader/physical-memory.js";
import { Warnings } from "../../src/warnings.js";
import { patternBytes } from "../support/bytes.js";
import { buildElf } from "../support/elf-image.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { flatten } from "../support/flattened-image.js";
import { buildKdump, type KdumpPage } from "../support/kdump-image.js";
import { toElf, toKdump } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { prstatusNote, vmcoreinfoNote } from "../support/notes.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const path = join(folder, "damaged");

const kernel = buildKernel({
  memory: 24 * MiB,
  memoryModel: "sparse-extreme",
  pages: [{ pfn: 64, kind: "anon", count: 8 }],
});
const page = (name: string) => patternBytes(name, 4096);
const info = kernel.vmcoreinfo;
const elf = buildElf({
  notes: [prstatusNote(1), vmcoreinfoNote(info)],
  loads: [0, 1, 2].map((i) => ({ paddr: i * 8192, data: page(`${i} `), memsz: 8192 })),
});
const pages = new Map<number, KdumpPage>(
  (["raw", "zlib", "lzo", "snappy", "zero"] as const).map((codec, pfn) => [pfn, { codec, data: page(codec) }]),
);
const kdump = buildKdump({ pages, vmcoreinfo: info, notes: [prstatusNote(1)], eraseinfo: "erase x\n" });
const kdump32 = buildKdump({ pages, wordSize: 4, utsname: { machine: "armv7l" }, vmcoreinfo: "PAGESIZE=4096\n" });

const bases: readonly [string, Uint8Array][] = [
  ["ELF", elf],
  ["kdump", kdump],
  ["kdump of 32 bits", kdump32],
  ["flattened kdump", flatten(kdump, { recordSize: 1000, order: "shuffled" })],
];

/** Numbers that headers get wrong: 0, 1, all ones, sign bits, and random ones, 1 to 8 bytes long. */
const damage = fc.record({
  at: fc.nat(),
  bytes: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
    fc
      .constantFrom(0, 0xff, 0x7f, 0x80)
      .chain((byte) => fc.constantFrom(1, 2, 4, 8).map((n) => new Uint8Array(n).fill(byte))),
  ),
});

/** Most damage where the headers are: the first bytes of each part of the file. */
function damaged(base: Uint8Array, changes: readonly { at: number; bytes: Uint8Array }[], reach: number): Uint8Array {
  const bytes = base.slice();
  for (const change of changes) {
    const at = change.at % Math.min(base.length, reach);
    bytes.set(change.bytes.subarray(0, base.length - at), at);
  }
  return bytes;
}

/** Opens, looks for the kernel and reads pages from all over. Only a DumpError may come of it. */
function lookAt(bytes: Uint8Array): "read" | "refused" {
  writeDump(path, bytes);
  try {
    const warnings = new Warnings();
    const dump = openDump(path, warnings);
    try {
      const into = new Uint8Array(dump.pageSize);
      for (const { start } of dump.ranges.slice(0, 8)) readPages(dump.memory, start - (start % dump.pageSize), into);
      expect(Number.isSafeInteger(dump.maxMapnr) && dump.maxMapnr > 0).toBe(true);
      kernelView(dump, warnings);
    } finally {
      dump.close();
    }
    return "read";
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    expect(error.message).not.toContain("\n");
    return "refused";
  }
}

describe.each(bases)("%s", (_, base) => {
  test.each([600, 16384])("with damage in the first %i bytes", (reach) => {
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (changes) => {
        lookAt(damaged(base, changes, reach));
      }),
      { numRuns: 300 },
    );
  });

  test("cut off anywhere: refused", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: base.length - 1 }), (length) => {
        // Behind the last page there is only eraseinfo, or the end marker, of which a byte may be missing unnoticed.
        expect(lookAt(base.slice(0, length))).toBe("refused");
      }),
      { numRuns: 150 },
    );
  });
});

describe("a damaged kernel", () => {
  const whole = toElf(kernel);
  const memoryAt = Buffer.from(whole).indexOf("OSRELEASE");

  test("VMCOREINFO with other numbers", () => {
    const lines = info.split("\n").filter((line) => line.includes("="));
    const value = fc.oneof(
      fc.constantFrom("0", "-1", "1", "7", "64", "4096", "ffffffffffffffff"),
      fc.bigInt().map(String),
    );
    const change = fc.record({ line: fc.nat(lines.length - 1), value });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const text = [...lines];
        for (const { line, value: to } of changes) text[line] = `${(text[line] as string).split("=")[0]}=${to}`;
        lookAt(toElf({ ...kernel, vmcoreinfo: "", notes: [vmcoreinfoNote(`${text.join("\n")}\n`)] }));
      }),
      { numRuns: 40 },
    );
  });

  test.each(["elf", "kdump"] as const)(
    "random memory, filtered as %s: done or refused, and nothing left behind",
    async (format) => {
      const base = format === "elf" ? whole : toKdump(kernel, { codec: "raw" });
      const output = join(folder, "output");
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ at: fc.nat(), bytes: fc.uint8Array({ minLength: 8, maxLength: 4096 }) }), {
            maxLength: 6,
          }),
          async (changes) => {
            const bytes = base.slice();
            const room = bytes.length - memoryAt - 8192;
            for (const { at, bytes: noise } of changes) bytes.set(noise, memoryAt + 4096 + (at % room));
            writeDump(path, bytes);
            await filterFile(path, output, { format }).catch((error) => expect(error).toBeInstanceOf(DumpError));
            expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
          },
        ),
        { numRuns: 15 },
      );
    },
  );
});
