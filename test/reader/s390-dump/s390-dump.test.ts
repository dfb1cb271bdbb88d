/** Stand-alone dumps of s390 around the memory of a real dump: the same kept pages, the registers of the save areas, and what says that one was never finished. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDump } from "../../../src/reader/open.js";
import { Warnings } from "../../../src/warnings.js";
import { noiseBytes, patternBytes } from "../../support/bytes.js";
import { compareKdumpWithElf } from "../../support/compare-pages.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { bitmapPfns, keptPages, pfnSet } from "../../support/golden.js";
import { failureOf } from "../../support/open.js";
import { openKdump } from "../../support/other-kdump.js";
import { ramOf } from "../../support/raw-image.js";
import {
  buildS390Dump,
  nonZeroSegments,
  S390_CLOCK,
  type S390DumpOptions,
  s390Segments,
} from "../../support/s390-dump.js";

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
    ["that is cut off", { claimed: 32 * 4096, end: "none" }, "TRUNCATED", /bytes of its memory, of which there are/],
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

describe("an extended stand-alone dump", () => {
  const data = patternBytes("segment ", 3 * 4096);
  const segments = [
    { start: 0x2000, data: Buffer.concat([memory.subarray(0x2000, 0x5000)]) },
    { start: 0x9000, data },
  ];
  const write = (parts: Buffer, more: Partial<S390DumpOptions> = {}, name = "dump") => {
    writeFileSync(at(name), buildS390Dump({ memory: parts, extended: true, claimed: memory.length, ...more }));
    return at(name);
  };
  const pagesOf = (paths: readonly string[], salvage = false) => {
    const warnings = new Warnings();
    const dump = openDump(paths, warnings, { salvage });
    const bytes = Buffer.alloc(memory.length, 0xff);
    const read = dump.memory.read(bytes, 0);
    dump.close();
    return { dump, bytes, read, codes: warnings.list.map(({ code }) => code) };
  };

  test("has its segments, zeros between them, and registers", () => {
    const { dump, bytes, read, codes } = pagesOf([write(s390Segments(segments, true), { prefixes: [0x2000] })]);
    const expected = Buffer.alloc(memory.length);
    for (const segment of segments) expected.set(segment.data, segment.start);
    expect([codes, read, bytes.equals(expected)]).toEqual([[], memory.length, true]);
    expect(dump.ranges).toEqual([{ start: 0, end: memory.length }]);
    expect([dump.header.cpus, dump.header.incomplete, dump.header.description]).toEqual([
      ...[1, false, "extended s390 stand-alone dump"],
    ]);
  });

  test("whose rest is zeros ends with a segment of no memory", () => {
    const parts = s390Segments([...segments, { start: 0, data: Buffer.alloc(0) }], true);
    const { read, codes } = pagesOf([write(parts)]);
    expect([read, codes]).toEqual([memory.length, []]);
  });

  test("on two volumes, named in any order", () => {
    const room = Buffer.alloc(1 << 20, 0xee);
    const first = Buffer.concat([s390Segments(segments.slice(0, 1), false), room]);
    const volumes = [
      write(first, { volume: 0, end: "none" }, "one"),
      write(s390Segments(segments.slice(1), true), { volume: 1 }, "two"),
    ];
    for (const paths of [volumes, [...volumes].reverse()]) {
      const { bytes, codes } = pagesOf(paths);
      expect(codes).toEqual([]);
      expect(bytes.subarray(0x9000, 0x9000 + data.length).equals(data)).toBe(true);
    }
    expect(failureOf(() => openDump(volumes[1] as string))).toMatchObject({
      code: "BAD_OPTION",
      what: "is volume 1 of a stand-alone dump, and volume 0 was not named",
    });
    expect(failureOf(() => openDump(volumes[0] as string)).code).toBe("TRUNCATED");
  });

  test("without its first volume is salvaged, and what that had is missing, not zeros", () => {
    const second = write(s390Segments(segments.slice(1), true), { volume: 1 });
    const warnings = new Warnings();
    const dump = openDump(second, warnings, { salvage: true });
    const bytes = Buffer.alloc(data.length);
    expect(dump.memory.read(bytes, 0x9000)).toBe(data.length);
    dump.close();
    expect(bytes.equals(data)).toBe(true);
    expect(dump.ranges).toEqual([{ start: 0x9000, end: memory.length }]);
    expect([dump.header.incomplete, warnings.list.map(({ code }) => code)]).toEqual([true, ["CUT_OFF"]]);
  });

  test("whose first volume is cut off is salvaged with what the second one has", () => {
    const large = { start: 0, data: noiseBytes(5, 2 << 20) };
    const second = [{ start: 0x30_0000, data }];
    const claimed = 4 << 20;
    const paths = [
      write(s390Segments([large], false).subarray(0, (1 << 20) + 8192), { volume: 0, end: "none", claimed }, "one"),
      write(s390Segments(second, true), { volume: 1, claimed }, "two"),
    ];
    expect(failureOf(() => openDump(paths)).code).toBe("TRUNCATED");
    const { dump, codes } = pagesOf(paths, true);
    expect([codes, dump.header.incomplete]).toEqual([["CUT_OFF"], true]);
    expect(dump.ranges).toEqual([
      { start: 0, end: (1 << 20) + 4096 },
      { start: 0x30_0000, end: claimed },
    ]);
  });

  test("that claims terabytes of zeros is refused before bitmaps are made for them", () => {
    const path = write(s390Segments(segments, true), { claimed: 2 ** 43 });
    expect(failureOf(() => openDump(path)).code).toBe("LIMIT");
  });

  test.each([
    ["a segment behind the end of memory", [{ start: 0xf000, data }]],
    ["segments in the wrong order", [...segments].reverse()],
    ["a segment of half a page", [{ start: 0, data: Buffer.alloc(77) }]],
  ])("with %s is damaged", (_, list) => {
    const error = failureOf(() => pagesOf([write(s390Segments(list, true))]));
    expect([error.code, error.reason]).toEqual(["CORRUPT", expect.stringMatching(/has a segment of/)]);
  });

  test("that is cut off is refused, and salvaged as far as it goes", () => {
    const path = write(s390Segments(segments, true).subarray(0, -4096), { end: "none" });
    expect(failureOf(() => pagesOf([path])).code).toBe("TRUNCATED");
    const { dump, codes } = pagesOf([path], true);
    expect([codes, dump.ranges]).toEqual([["CUT_OFF"], [{ start: 0, end: 0x9000 + 2 * 4096 }]]);
  });

  test("whose segments are packed names zgetdump", () => {
    expect(failureOf(() => openDump(write(Buffer.alloc(4096), { packed: true })))).toMatchObject({
      code: "UNSUPPORTED",
      cure: expect.stringContaining("zgetdump"),
    });
  });
});

describe("a plain dump on two volumes", () => {
  test("has memory that goes on behind the next header", () => {
    writeFileSync(
      at("one"),
      buildS390Dump({ memory: memory.subarray(0, 0x6000), claimed: memory.length, volume: 0, end: "none" }),
    );
    writeFileSync(at("two"), buildS390Dump({ memory: memory.subarray(0x6000), claimed: memory.length, volume: 1 }));
    const warnings = new Warnings();
    const dump = openDump([at("two"), at("one")], warnings);
    const bytes = Buffer.alloc(memory.length);
    expect(dump.memory.read(bytes, 0)).toBe(memory.length);
    dump.close();
    expect([bytes.equals(memory), warnings.list, dump.header.incomplete]).toEqual([true, [], false]);
    expect(failureOf(() => openDump(at("one"))).reason).toMatch(/its other volumes must be named/);
    writeFileSync(at("two"), buildS390Dump({ memory, end: S390_CLOCK + 1n }));
    expect(failureOf(() => openDump([at("one"), at("two")])).what).toMatch(/is not a volume of the same/);
  });
});

describeWithDumps("of a real machine's memory", () => {
  test("has the same kept pages, extended and on two volumes", async () => {
    const { vmcore } = await realDump("tiny-s390x-6.12");
    const [ram] = ramOf(vmcore);
    if (ram === undefined) throw new Error("no memory");
    const claimed = ram.data.length;
    const segments = nonZeroSegments(ram.data);
    expect(segments.length).toBeGreaterThan(1);
    writeFileSync(at("real"), buildS390Dump({ memory: s390Segments(segments, true), claimed, extended: true }));
    const half = [s390Segments(segments.slice(0, 1), false), s390Segments(segments.slice(1), true)] as const;
    const first = Buffer.concat([half[0], Buffer.alloc(1 << 20)]);
    writeFileSync(at("v0"), buildS390Dump({ memory: first, claimed, extended: true, volume: 0, end: "none" }));
    writeFileSync(at("v1"), buildS390Dump({ memory: half[1], claimed, extended: true, volume: 1 }));
    await filterFile(vmcore, at("plain"));
    for (const named of [[at("real")], [at("v0"), at("v1")]]) {
      const result = await filterFile(named, at("out"));
      expect([result.warnings, result.arch]).toEqual([[], "s390x"]);
      expect(keptPages(at("out"))).toEqual(keptPages(at("plain")));
      expect(compareKdumpWithElf(at("out"), vmcore)).toMatchObject({ different: [], unknown: [], leaked: [] });
    }
  });

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
