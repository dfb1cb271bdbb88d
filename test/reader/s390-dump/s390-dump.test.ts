/** Stand-alone dumps of s390 around the memory of a real dump: the same kept pages, the registers of the save areas, and what says that one was never finished. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDump } from "../../../src/reader/open.js";
import { Warnings } from "../../../src/warnings.js";
import { compareKdumpWithElf } from "../../support/compare-pages.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { bitmapPfns, pfnSet } from "../../support/golden.js";
import { failureOf } from "../../support/open.js";
import { openKdump } from "../../support/other-kdump.js";
import { ramOf } from "../../support/raw-image.js";
import { buildS390Dump, S390_CLOCK, type S390DumpOptions } from "../../support/s390-dump.js";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
const memory = Buffer.alloc(16 * 4096);
memory.writeBigUInt64BE(0x0705_0001_8000_0000n, 0x2000 + 0x1300);
memory.writeBigUInt64BE(0x1234n, 0x2000 + 0x1308);
memory.writeBigUInt64BE(15n, 0x2000 + 0x1280 + 8 * 15);
memory.writeUInt32BE(7, 0x2000 + 0x1340);
const dumpOf = (options: Partial<S390DumpOptions> = {}) => {
  writeFileSync(at("dump"), buildS390Dump({ memory, ...options }));
  return at("dump");
};
const opened = (options: Partial<S390DumpOptions>, salvage = false) => {
  const warnings = new Warnings();
  const dump = openDump(dumpOf(options), warnings, { salvage });
  dump.close();
  return { dump, codes: warnings.list.map(({ code }) => code) };
};

describe("a stand-alone dump", () => {
  test("has its memory, time and machine", () => {
    const { dump, codes } = opened({ start: 0x10_0000 });
    expect(codes).toEqual([]);
    expect(dump.ranges).toEqual([{ start: 0x10_0000, end: 0x10_0000 + memory.length }]);
    expect([dump.machine.arch, dump.header.timestamp, dump.header.incomplete]).toEqual(["s390x", 1_767_225_600, false]);
  });

  test("gives each CPU its notes, from its save area", () => {
    const { dump } = opened({ prefixes: [0x2000, 0x4000] });
    expect(dump.header.cpus).toBe(2);
    const [first] = dump.notes.map(({ desc }) => Buffer.from(desc));
    expect([first?.readUInt32BE(32), first?.readBigUInt64BE(112), first?.readBigUInt64BE(120)]).toEqual([
      1,
      0x0705_0001_8000_0000n,
      0x1234n,
    ]);
    expect([first?.readBigUInt64BE(128 + 8 * 15), first?.readUInt32BE(256)]).toEqual([15n, 7]);
    // One that leads out of the memory: no notes are better than some.
    expect(opened({ prefixes: [0x2000, 0x7fff_0000] }).dump.notes).toEqual([]);
  });

  test.each([
    ["no end marker", { end: "none" }],
    ["the marker of an earlier dump", { end: S390_CLOCK - 1n }],
  ] as const)("with %s is incomplete", (_, options) => {
    const { dump, codes } = opened(options);
    expect([dump.header.incomplete, codes]).toEqual([true, ["INCOMPLETE"]]);
  });

  test.each([
    ["that is cut off", { claimed: 32 * 4096, end: "none" }, "TRUNCATED", /its memory goes on to/],
    ["of 31 bits", { arch: 1 }, "UNSUPPORTED", /31 bits/],
    ["with another header", { headerSize: 77 }, "CORRUPT", /a header of 77 bytes/],
  ] as const)("%s is refused", (_, options, code, says) => {
    const error = failureOf(() => openDump(dumpOf(options)));
    expect([error.code, error.reason]).toEqual([code, expect.stringMatching(says)]);
  });

  test("that is cut off is salvaged as far as it goes", () => {
    const { dump, codes } = opened({ claimed: 32 * 4096, end: "none" }, true);
    expect([dump.ranges, codes]).toEqual([[{ start: 0, end: memory.length }], ["CUT_OFF"]]);
  });
});

describeWithDumps("of a real machine's memory", () => {
  test("has the same kept pages", async () => {
    const { vmcore } = await realDump("tiny-s390x-6.12");
    const [ram] = ramOf(vmcore);
    if (ram === undefined) throw new Error("no memory");
    writeFileSync(at("real"), buildS390Dump({ memory: ram.data, start: ram.start }));
    await filterFile(vmcore, at("plain"));
    const result = await filterFile(at("real"), at("out"));
    expect([result.warnings, result.arch]).toEqual([[], "s390x"]);
    const [plain, found] = [openKdump(at("plain")), openKdump(at("out"))];
    plain.close();
    found.close();
    expect(pfnSet(bitmapPfns(found.bitmap2))).toEqual(pfnSet(bitmapPfns(plain.bitmap2)));
    expect(compareKdumpWithElf(at("out"), vmcore)).toMatchObject({ different: [], unknown: [], leaked: [] });
  });
});
