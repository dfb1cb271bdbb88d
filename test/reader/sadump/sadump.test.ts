/** sadump's dumps: pages, zeros and registers of one partition and of disk sets, and what is wrong is named. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDump } from "../../../src/reader/open.js";
import { Warnings } from "../../../src/warnings.js";
import { patternBytes } from "../../support/bytes.js";
import { describeWithDumps, readGolden, realDump } from "../../support/dumps.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { goldenKept, keptPages } from "../../support/golden.js";
import { failureOf } from "../../support/open.js";
import { ramOf } from "../../support/raw-image.js";
import { buildSadump, type SadumpOptions } from "../../support/sadump-image.js";
import type { VmwareCpu } from "../../support/vmware-image.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const low = patternBytes("low ", 5 * 4096);
low.fill(0, 4096, 2 * 4096);
const high = patternBytes("high ", 3 * 4096);
const pieces = [
  { start: 0x1000, data: low },
  { start: 0x4000_0000, data: high },
];
const cpu = (seed: bigint): VmwareCpu => ({
  registers: { r15: 15n + seed, rax: 1n, rsp: 0xffff_c900_0000_0000n, rip: 0xffff_ffff_8100_0000n, cs: 0x10n },
  ...{ cr0: 0x8005_0033n, cr2: 0n, cr3: 0x1000n, cr4: 0x3506f0n, idt: 0xffff_fe00_0000_0000n },
});

function write(options: Partial<SadumpOptions> = {}): string[] {
  return buildSadump({ pieces, ...options }).map((bytes, i) => {
    writeFileSync(at(`disk${i}`), bytes);
    return at(`disk${i}`);
  });
}

function opened(named: readonly string[], salvage = false) {
  const warnings = new Warnings();
  const dump = openDump(named, warnings, { salvage });
  const [first, second] = [Buffer.alloc(low.length), Buffer.alloc(high.length)];
  const read = [dump.memory.read(first, 0x1000), dump.memory.read(second, 0x4000_0000)];
  dump.close();
  return { dump, first, second, read, codes: warnings.list.map(({ code }) => code) };
}

describe("a dump of sadump", () => {
  test.each([
    ["one partition", {}],
    ["with numbers of 32 bits", { version: 0 }],
    ["of two disks", { disks: [2] }],
    ["of three disks, one without pages", { disks: [3, 0] }],
  ] as const)("%s", (_, options) => {
    const files = write(options);
    for (const named of [files, [...files].reverse()]) {
      const { dump, first, second, read, codes } = opened(named);
      expect([codes, read]).toEqual([[], [low.length, high.length]]);
      expect([first.equals(low), second.equals(high)]).toEqual([true, true]);
      expect(dump.ranges).toEqual([
        { start: 0x1000, end: 0x1000 + low.length },
        { start: 0x4000_0000, end: 0x4000_0000 + high.length },
      ]);
      expect(dump.header).toMatchObject({ format: "sadump", incomplete: false });
      expect(dump.header.timestamp).toBe(Date.UTC(2026, 0, 2, 3, 4, 5) / 1000);
    }
  });

  test("gives the registers of each CPU", () => {
    const { dump } = opened(write({ cpus: [cpu(0n), cpu(1n)] }));
    expect(dump.notes.map(({ name }) => name)).toEqual(["CORE", "CORE", "QEMU", "QEMU"]);
    const words = dump.notes.map(({ desc }) => Buffer.from(desc));
    expect([words[1]?.readBigUInt64LE(112), words[1]?.readBigUInt64LE(112 + 8 * 16)]).toEqual([
      ...[16n, 0xffff_ffff_8100_0000n],
    ]);
    expect(words[2]?.readBigUInt64LE(152 + 9 * 24 + 16)).toBe(0xffff_fe00_0000_0000n);
    expect(words[2]?.readBigUInt64LE(392 + 24)).toBe(0x1000n);
  });

  test("that was not finished says so", () => {
    const { dump, codes } = opened(write({ written: 3 }));
    expect([dump.header.incomplete, codes]).toEqual([true, ["INCOMPLETE"]]);
  });

  test("that is cut off is refused, and salvaged as far as it goes", () => {
    const [path = ""] = write();
    const [bytes] = buildSadump({ pieces });
    writeFileSync(path, (bytes as Buffer).subarray(0, -4096));
    expect(failureOf(() => opened([path])).code).toBe("TRUNCATED");
    const { read, codes } = opened([path], true);
    expect([read, codes]).toEqual([[low.length, high.length - 4096], ["CUT_OFF"]]);
  });

  test("a disk of the set that was not named, or is of another one, is refused", () => {
    const [one = "", two = ""] = write({ disks: [2, 2] });
    for (const named of [[one], [one, two]]) {
      expect(failureOf(() => openDump(named))).toMatchObject({
        code: "TRUNCATED",
        cure: expect.stringMatching(/^Name the copies of all partitions/),
      });
    }
    expect(failureOf(() => openDump(two))).toMatchObject({ code: "BAD_OPTION", file: two });
    expect(failureOf(() => openDump([two, two])).code).toBe("BAD_OPTION");
    const [alone] = buildSadump({ pieces });
    writeFileSync(at("alone"), alone as Buffer);
    expect(failureOf(() => openDump([one, at("alone")])).what).toBe("is not of the same disk set");
  });

  test("check numbers that are wrong, and no dump header, are damage", () => {
    const [bytes] = buildSadump({ pieces }) as [Buffer];
    const other = Buffer.from(bytes);
    other[200] = (other[200] as number) ^ 1;
    writeFileSync(at("bad"), other);
    expect(failureOf(() => openDump(at("bad")))).toMatchObject({
      code: "CORRUPT",
      what: expect.stringMatching(/check/),
    });
    bytes.writeUInt32LE(512, 4096 + 40);
    writeFileSync(at("bad"), bytes);
    expect(failureOf(() => openDump(at("bad"))).what).toBe("has blocks of 512 bytes, not of 4096");
    bytes.write("something", 4096, "latin1");
    writeFileSync(at("bad"), bytes);
    expect(failureOf(() => openDump(at("bad")))).toMatchObject({
      code: "CORRUPT",
      what: "has no dump header behind its partition header",
    });
  });
});

describeWithDumps("the memory of a real dump", () => {
  test.each([
    ["one partition", []],
    ["a disk set", [1000, 500]],
  ])("%s: the same pages are kept", async (_, disks) => {
    const files = write({ pieces: ramOf((await realDump("tiny-x86-6.1")).vmcore), disks });
    await filterFile(files, at("output"));
    expect(keptPages(at("output"))).toEqual(goldenKept(readGolden("tiny-x86-6.1"), 31));
  });
});
