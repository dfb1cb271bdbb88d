/** The kernel's log out of built kernels of all three generations of the buffer, and out of real dumps. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { completeWithKernel } from "../../../src/kernel/complete-dump.js";
import { formatRecord, type LogFormat, recordForJson } from "../../../src/kernel/log/format-record.js";
import type { KernelLog } from "../../../src/kernel/log/log-record.js";
import { logOfKernel } from "../../../src/kernel/log/read-log.js";
import { openDump } from "../../../src/reader/open.js";
import { Warnings } from "../../../src/warnings.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { temporaryFolder } from "../../support/filter.js";
import type { LogRecord } from "../../support/kernel/log.js";
import { toElf } from "../../support/kernel-dump.js";
import { buildKernel, type KernelOptions } from "../../support/kernel-image.js";
import { withDump } from "../../support/open.js";

const folder = temporaryFolder();

function logOf(options: KernelOptions, sinceClear = false): KernelLog {
  return withDump(folder, toElf(buildKernel(options)), (dump) => logOfKernel(dump, sinceClear));
}

const lines = (log: KernelLog, format: LogFormat = "dmesg") =>
  log.records.map((record) => formatRecord(record, format));

const RECORDS: readonly LogRecord[] = [
  { text: "first", nanoseconds: 5_000, level: 5 },
  { text: "second line", nanoseconds: 12_345_678_000, level: 3 },
];

describe.each(["2.6.32", "3.4.0"])("%s: characters", (release) => {
  test("level and time come out of the text", () => {
    const log = logOf({ release, log: { records: RECORDS } });
    expect(log.kind).toBe("characters");
    expect(lines(log)).toEqual(["[    0.000005] first\n", "[   12.345678] second line\n"]);
    expect(lines(log, "raw")).toEqual(["<5>[    0.000005] first\n", "<3>[   12.345678] second line\n"]);
  });
});

describe.each(["3.5.0", "3.11.0", "4.18.0", "5.0.0"])("%s: records without callers", (release) => {
  test("text, time and level", () => {
    const log = logOf({ release, log: { records: RECORDS } });
    expect(log.kind).toBe("printk_log");
    expect(lines(log, "levels")).toEqual([
      "kern  :notice: [    0.000005] first\n",
      "kern  :err   : [   12.345678] second line\n",
    ]);
  });
});

describe.each(["5.1.0", "5.9.0", "5.10.0", "6.1.0", "6.12.0", "6.19.0", "7.1.0"])(
  "%s: records with callers",
  (release) => {
    test("text, time, level and caller", () => {
      const records = [...RECORDS, { text: "in an interrupt", nanoseconds: 13e9, level: 6, caller: 0x8000_0002 }];
      expect(lines(logOf({ release, log: { records } }))).toEqual([
        "[    0.000005] [      T1] first\n",
        "[   12.345678] [      T1] second line\n",
        "[   13.000000] [      C2] in an interrupt\n",
      ]);
    });
  },
);

/** More than any of the built rings holds. */
const many = Array.from({ length: 120 }, (_, i) => ({
  text: `record ${i} ${"x".repeat(i % 70)}`,
  nanoseconds: i * 1e9,
}));

test.each(["3.5.0", "5.1.0", "5.10.0", "6.1.0", "6.19.0"])(
  "%s: a ring that has wrapped keeps the newest, without a gap",
  (release) => {
    const ring = release >= "5.10.0" || release.startsWith("6") ? { firstId: 1000, firstPosition: 4096 * 5 + 64 } : {};
    // Records before 5.10 are not overwritten by the builder: fewer of them, from the middle of the buffer on.
    const old = Object.keys(ring).length === 0;
    const records = old ? many.slice(-30) : many;
    const log = logOf({ release, log: { records, ...(old ? { firstPosition: 3072 } : ring) } });
    const numbers = log.records.map((record) => Number(/record (\d+) /.exec(Buffer.from(record.text).toString())?.[1]));
    expect(numbers.length).toBeGreaterThan(20);
    expect(numbers).toEqual(numbers.map((_, i) => 120 - numbers.length + i));
    expect(log.unreadable).toBe(0);
  },
);

test("characters that have wrapped: the oldest line is cut, the others are whole", () => {
  const log = logOf({ release: "2.6.32", log: { records: many } });
  const text = lines(log);
  expect(text.at(-1)).toContain("record 119");
  expect(text.slice(1).every((line) => /^\[ +\d+\.\d{6}\] record \d+ x*\n$/.test(line))).toBe(true);
});

test("6.19: a block that ends exactly with the ring is read where it is", () => {
  // 64 bytes each: the last one of the first round ends at the ring's end.
  const records = Array.from({ length: 20 }, (_, i) => ({
    text: `${"y".repeat(54)}${String(i).padStart(2, "0")}`,
    nanoseconds: i,
  }));
  const log = logOf({ release: "6.19.0", log: { records, sizeBits: 10 } });
  expect(log.records.map(({ text }) => Buffer.from(text).toString().slice(54))).toEqual(
    Array.from({ length: 16 }, (_, i) => String(i + 4).padStart(2, "0")),
  );
});

test("records that nobody has finished are left out, empty lines are not", () => {
  const records: LogRecord[] = [
    { text: "a" },
    { text: "half", state: 0 },
    { text: "" },
    { text: "gone", state: 3 },
    { text: "b", state: 1 },
  ];
  const log = logOf({ release: "6.1.0", log: { records } });
  expect(log.records.map(({ text }) => Buffer.from(text).toString())).toEqual(["a", "", "b"]);
});

test("since the last clear: by sequence number, also where all or nothing is newer", () => {
  const texts = (clearedBefore: number) =>
    logOf({ release: "6.1.0", log: { records: many.slice(0, 10), firstId: 100, clearedBefore } }, true).records.map(
      ({ seq }) => seq,
    );
  expect(texts(0)).toHaveLength(10);
  expect(texts(107)).toEqual([107, 108, 109]);
  expect(texts(110)).toEqual([]);
  expect(texts(2 ** 40)).toEqual([]);
});

test("UTF-8 stays, what is none is shown, and nothing commands the terminal", () => {
  const shown = (text: string) =>
    lines(logOf({ release: "6.1.0", log: { records: [{ text, nanoseconds: 0, caller: 0 }] } }))[0];
  const stamp = "[    0.000000] [      T0] ";
  expect(shown("Gerät über 日本 🙂")).toBe(`${stamp}Gerät über 日本 🙂\n`);
  expect(shown("\u00e9\u00ff latin1")).toBe(`${stamp}\\xe9\\xff latin1\n`);
  expect(shown("a\u001b[31mred\u0007\u0000")).toBe(`${stamp}a\\x1b[31mred\\x07\\x00\n`);
  expect(shown("two\nlines\tand a tab")).toBe(`${stamp}two\n${" ".repeat(stamp.length)}lines\tand a tab\n`);
});

test("the form of /dev/kmsg, and JSON", () => {
  const log = logOf({ release: "6.1.0", log: { records: RECORDS, firstId: 7 } });
  expect(lines(log, "kmsg")).toEqual(["5,7,5,-,caller=T1;first\n", "3,8,12345678,-,caller=T1;second line\n"]);
  expect(recordForJson(log.records[1] as never)).toMatchObject({
    seq: 8,
    nanoseconds: "12345678000",
    levelName: "err",
    caller: "T1",
  });
});

test.each(["2.6.32", "4.18.0", "6.1.0"])(
  "%s: damage anywhere in the log's memory ends in an error of ours or in records",
  (release) => {
    const image = toElf(buildKernel({ release, log: { records: many.slice(0, 20) } }));
    const path = join(folder, "damaged");
    writeFileSync(path, image);
    const file = openSync(path, "r+");
    const dump = openDump([path], new Warnings());
    // From the pointer to the buffer on: numbers, descriptors, text.
    const start = Buffer.from(image.buffer, image.byteOffset).indexOf("record 0") - 0x2100;
    const change = fc.tuple(fc.nat(0x3000), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), (changes) => {
        for (const [offset, value] of changes) writeSync(file, Uint8Array.of(value), 0, 1, start + offset);
        let log: KernelLog | undefined;
        try {
          log = logOfKernel(dump);
        } catch (error) {
          expect(error).toMatchObject({ code: "CANNOT_FILTER" });
        }
        for (const [offset] of changes) writeSync(file, image, start + offset, 1, start + offset);
        // Each record takes 24 bytes of descriptors, or of the buffer, at least.
        expect(log?.records.length ?? 0).toBeLessThan(70_000);
        for (const line of log === undefined ? [] : lines(log)) expect(line.endsWith("\n")).toBe(true);
      }),
      { numRuns: 200 },
    );
    closeSync(file);
    dump.close();
  },
);

describeWithDumps("real dumps", () => {
  // Kernels whose serial console printed every line whole, and whose buffer still holds the first.
  test.each(["tiny-arm-6.1-flatmem", "tiny-arm64-6.12-64k-va52", "tiny-riscv64-6.12-sv48", "tiny-s390x-6.12"])(
    "%s: every line of the console is in the log",
    async (name) => {
      const real = await realDump(name);
      const dump = openDump([real.vmcore], new Warnings());
      const log = logOfKernel(completeWithKernel(dump, new Warnings()).dump);
      dump.close();
      const plain = new Set(lines(log).map((line) => line.replace(/\] \[ *[TC]\d+\] /, "] ").trimEnd()));
      const console = readFileSync(real.consoleLog, "latin1").replaceAll("\r", "").split("\n");
      const wanted = console.map((line) => line.trimEnd()).filter((line) => /^\[ *\d+\.\d{6}\] /.test(line));
      expect(wanted.length).toBeGreaterThan(40);
      expect(wanted.filter((line) => !plain.has(line))).toEqual([]);
      expect(log.unreadable).toBe(0);
      expect(new Set(log.records.map(({ level }) => level)).size).toBeGreaterThan(2);
    },
  );
});
