import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Warnings } from "../../../src/warnings.js";
import { noiseBytes, patternBytes } from "../../support/bytes.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { keptPages } from "../../support/golden.js";
import { buildKdump, type KdumpOptions, type KdumpPage } from "../../support/kdump-image.js";
import { toKdump } from "../../support/kernel-dump.js";
import { buildKernel, MiB } from "../../support/kernel-image.js";
import { prstatusNote, qemuNote, vmcoreinfoNote } from "../../support/notes.js";
import { failureOf, openError, pageOf, withDump } from "../../support/open.js";
import { compressPage, zstdAvailable } from "../../support/page-codecs.js";

const PAGE = 4096;
const folder = temporaryFolder();
const vmcoreinfo = "OSRELEASE=6.1.0\nPAGESIZE=4096\n";
const codecs = ["raw", "zlib", "lzo", "snappy", "zero", ...(zstdAvailable() ? (["zstd"] as const) : [])] as const;
const content = (pfn: number) => patternBytes(`page ${pfn} `, PAGE);
/** Pages 0 to 5 in each codec, page 9 which no codec shrinks; 7 exists and was excluded. */
const pages = new Map<number, KdumpPage>([
  ...codecs.map((codec, i): [number, KdumpPage] => [i, { codec, data: content(i) }]),
  [9, { codec: "zlib", data: noiseBytes(9, PAGE) }],
]);
const build = (options: Partial<KdumpOptions> = {}) =>
  buildKdump({ pages, excluded: [7], vmcoreinfo, notes: [prstatusNote(1), qemuNote()], ...options });

/** Every page as it was put in, whatever the codec. */
function expectPages(file: Uint8Array): void {
  withDump(folder, file, (dump) => {
    for (const [pfn, { codec, data }] of pages) {
      const expected = codec === "zero" ? Buffer.alloc(PAGE) : Buffer.from(data as Uint8Array);
      expect(pageOf(dump, pfn).equals(expected), `pfn ${pfn}, ${codec}`).toBe(true);
    }
    expect(dump.memory.read(new Uint8Array(PAGE), 7 * PAGE)).toBe(0);
    expect(dump.memory.next(7 * PAGE)).toBe(9 * PAGE);
  });
}

describe("headers", () => {
  const shapes: readonly [string, Partial<KdumpOptions>][] = [
    ["64-bit", {}],
    ["64-bit, big endian", { byteOrder: "big", utsname: { machine: "s390x" } }],
    ["32-bit packed", { wordSize: 4, packed32: true, utsname: { machine: "i686" } }],
    ["32-bit padded", { wordSize: 4, utsname: { machine: "mips" } }],
    ["32-bit padded, big endian", { wordSize: 4, byteOrder: "big", utsname: { machine: "ppc" } }],
  ];

  describe.each(shapes)("%s", (_, shape) => {
    test.each([1, 2, 3, 4, 5, 6])("version %i", (version) => {
      const file = build({ version, ...shape, timestamp: 1_700_000_000, nrCpus: 3, physBase: 0x1000000, dumpLevel: 1 });
      expectPages(file);
      withDump(folder, file, (dump) => {
        expect(dump.header).toMatchObject({ headerVersion: version, timestamp: 1_700_000_000, dumpLevel: 1 });
        expect(dump.header.physBase).toBe(0x1000000n);
        expect(dump.maxMapnr).toBe(10);
        expect(dump.machine.littleEndian).toBe(shape.byteOrder !== "big");
        expect(dump.machine.wordSize).toBe(shape.wordSize ?? 8);
        // VMCOREINFO came with version 3, notes with version 4.
        expect(dump.vmcoreinfo?.osrelease).toBe(version >= 3 ? "6.1.0" : undefined);
        expect(dump.notes.map(({ name }) => name)).toEqual(version >= 4 ? ["CORE", "QEMU", "VMCOREINFO"] : []);
        expect(dump.header.cpus).toBe(version >= 4 ? 1 : 3);
      });
    });
  });

  describe.each(shapes)("%s: since version 6 nothing reads the number of pages in 32 bits", (_, shape) => {
    test.each([0, 1, 0xdead_beef, 0xffff_ffff])("%i there", (maxMapnr) => {
      const file = build({ ...shape, header: { maxMapnr } });
      expectPages(file);
      withDump(folder, file, (dump) => expect([dump.maxMapnr, dump.notes.length]).toEqual([10, 3]));
    });
  });

  test("eraseinfo, since version 5", () => {
    withDump(folder, build({ eraseinfo: "erase jiffies 8\n" }), (dump) => {
      expect(Buffer.from(dump.eraseinfo as Uint8Array).toString()).toBe("erase jiffies 8\n");
    });
    withDump(folder, build({ eraseinfo: "x", version: 4 }), (dump) => expect(dump.eraseinfo).toBeUndefined());
  });

  test("codecs by the status bits, and the mark of an incomplete dump", () => {
    withDump(folder, build({ status: 1 | 2 | 4 | 0x20 | 8 }), (dump, warnings) => {
      expect(dump.header).toMatchObject({ codecs: ["zlib", "lzo", "snappy", "zstd"], incomplete: true });
      expect(warnings.list.map(({ code }) => code)).toEqual(["INCOMPLETE"]);
    });
  });

  test("an i686 guest's file in QEMU's 64-bit layout", () => {
    const file = build({ utsname: { machine: "i686" } });
    expectPages(file);
    withDump(folder, file, (dump) => expect(dump.machine).toEqual({ arch: "i386", wordSize: 4, littleEndian: true }));
  });

  test("a machine called Unknown, as QEMU says of arm64, is known by VMCOREINFO", () => {
    const utsname = { machine: "Unknown" };
    const info = `${vmcoreinfo}NUMBER(kimage_voffset)=0xffff7fffc0000000\n`;
    withDump(folder, build({ utsname, vmcoreinfo: info }), (dump) => expect(dump.machine.arch).toBe("arm64"));
    // Without that, the size of the registers in a PRSTATUS note tells; without any note, nothing does.
    withDump(folder, build({ utsname }), (dump) => expect(dump.machine.arch).toBe("x86_64"));
    openError(folder, build({ utsname, notes: [] }), "UNSUPPORTED");
  });

  test("an impossible time is none", () => {
    withDump(folder, build({ timestamp: -1 }), (dump) => expect(dump.header.timestamp).toBeUndefined());
  });
});

describe("pages", () => {
  test("mixed codecs in one file; a page that no codec shrinks is raw", () => expectPages(build()));

  test("data in another order than the pages", () =>
    expectPages(build({ dataOrder: [9, ...[...pages.keys()].reverse().slice(1)] })));

  test("one bitmap only, as very old files have", () => {
    const file = build({ singleBitmap: true });
    expectPages(file);
    withDump(folder, file, (dump) => expect(dump.ranges.at(0)).toEqual({ start: 0, end: codecs.length * PAGE }));
  });

  test("blocks larger than the kernel's pages: QEMU's arm64 files have 64 KiB", () => {
    const block = 65536;
    const data = Buffer.concat(Array.from({ length: 16 }, (_, i) => content(i)));
    const blocks = new Map<number, KdumpPage>([
      [0, { codec: "zero" }],
      [1, { codec: "zlib", data }],
    ]);
    const file = build({ pages: blocks, excluded: [2], blockSize: block });
    withDump(folder, file, (dump) => {
      expect([dump.pageSize, dump.maxMapnr]).toEqual([PAGE, 48]);
      expect(pageOf(dump, 16 + 7).equals(Buffer.from(content(7)))).toBe(true);
      expect(dump.ranges).toEqual([{ start: 0, end: 3 * block }]);
    });
  });

  test.each([
    ["its PAGESIZE is as impossible", "PAGESIZE=8192", ["PAGE_SIZE_GUESSED", "VMCOREINFO_LINE"]],
    ["it has no PAGESIZE", "", ["PAGE_SIZE_GUESSED"]],
    ["its PAGESIZE is right", "PAGESIZE=4096", []],
  ])("blocks that are no pages of the machine are only the unit of the file: %s", async (_, line, codes) => {
    const [kernel, block] = [buildKernel({ memory: 24 * MiB }), 8192];
    const [plain, other, out] = ["plain", "other", "out"].map((name) => join(folder, name)) as [string, string, string];
    writeFileSync(plain, toKdump(kernel));
    const text = kernel.vmcoreinfo.replace(/^PAGESIZE=.*$/m, line);
    const blocks = new Map(
      Array.from({ length: (24 * MiB) / block }, (__, i): [number, KdumpPage] => {
        return [i, { codec: "zlib", data: kernel.memory.read(i * block, block) }];
      }),
    );
    writeFileSync(
      other,
      buildKdump({ pages: blocks, blockSize: block, notes: [vmcoreinfoNote(text)], physBase: kernel.physBase }),
    );
    await filterFile(plain, out);
    const expected = keptPages(out);
    const warnings = new Warnings();
    await filterFile(other, out, { warnings });
    const met = warnings.list.map(({ code }) => code).filter((code) => /^PAGE_SIZE|_LINE$/.test(code));
    expect(met.sort()).toEqual(codes);
    expect(keptPages(out)).toEqual(expected);
  });

  test.each([
    ["flags that no codec has", { descriptor: { flags: 0x10 } }, "CORRUPT", "flags 0x10"],
    ["two codecs at once", { descriptor: { flags: 3 } }, "CORRUPT", "flags 0x3"],
    ["a size of 0", { descriptor: { size: 0 } }, "CORRUPT", "0 bytes"],
    ["a size above the page's", { descriptor: { size: 5000 } }, "CORRUPT", "5000 bytes"],
    ["a raw page that is too short", { descriptor: { size: 20, flags: 0 } }, "CORRUPT", "decodes to 20 bytes"],
    ["a negative offset", { descriptor: { offset: -8 } }, "CORRUPT", "at -8"],
    ["an offset beyond the file", { descriptor: { offset: 1n << 40n } }, "TRUNCATED", "0 are there"],
    ["an offset beyond all files", { descriptor: { offset: (1n << 63n) - 1n } }, "TRUNCATED", "0 are there"],
    ["offset 0, of an incomplete dump", { descriptor: { offset: 0 } }, "TRUNCATED", "incomplete"],
    ["data that are no zlib stream", { stored: noiseBytes(3, 50) }, "CORRUPT", "not a valid stream"],
  ] as const)("%s", (_, page, code, says) => {
    const file = build({ pages: new Map([[3, { codec: "zlib", data: content(3), ...page }]]) });
    withDump(folder, file, (dump) => {
      const error = failureOf(() => pageOf(dump, 3));
      expect(error).toMatchObject({ code, file: expect.any(String), cure: expect.any(String) });
      expect(error.message).toContain(says);
      expect(error.message).toMatch(/pfn 0x3|page descriptor/);
    });
  });

  test.each(["lzo", "snappy", "zlib", ...(zstdAvailable() ? (["zstd"] as const) : [])] as const)(
    "a %s stream of another length than the page",
    (codec) => {
      const stored = compressPage(codec, patternBytes("short ", 2000));
      withDump(folder, build({ pages: new Map([[0, { codec, stored }]]) }), (dump) => {
        expect(failureOf(() => pageOf(dump, 0)).code).toBe("CORRUPT");
      });
    },
  );
});

describe("files that are refused", () => {
  test.each([
    ["version 7", { header: { version: 7 } }, "UNSUPPORTED", "version 7"],
    ["block size 1000", { header: { blockSize: 1000 } }, "CORRUPT", "block size"],
    ["no sub header", { header: { subHeaderBlocks: 0 } }, "CORRUPT", "block size"],
    ["a giant sub header", { header: { subHeaderBlocks: 0xffff_ffff } }, "CORRUPT", "sub header"],
    ["no pages", { header: { maxMapnr: 0 }, subHeader: { maxMapnr64: 0 } }, "CORRUPT", "0 pages"],
    ["more pages than bits", { subHeader: { maxMapnr64: 1n << 40n } }, "CORRUPT", "a bitmap of 2 blocks"],
    ["max_mapnr beyond 2^53", { subHeader: { maxMapnr64: 1n << 60n } }, "LIMIT", "max_mapnr_64"],
    [
      "more pages than a machine has",
      { header: { bitmapBlocks: 0xffff_ffff }, subHeader: { maxMapnr64: 1n << 40n } },
      "LIMIT",
      "pages; at most",
    ],
    ["bitmaps beyond the file", { header: { bitmapBlocks: 0x10_0000 } }, "TRUNCATED", "bitmaps end at"],
    ["notes beyond the file", { subHeader: { sizeNote: 1 << 20 } }, "TRUNCATED", "notes"],
    ["notes above the limit", { subHeader: { sizeNote: 1n << 40n } }, "LIMIT", "notes"],
    ["VMCOREINFO beyond the file", { subHeader: { offsetVmcoreinfo: 1n << 40n } }, "TRUNCATED", "VMCOREINFO"],
    [
      "eraseinfo beyond the file",
      { subHeader: { offsetEraseinfo: 1n << 40n, sizeEraseinfo: 10 } },
      "TRUNCATED",
      "eraseinfo",
    ],
    ["cut off in the header", { truncateTo: 300 }, "TRUNCATED", "kdump header"],
    ["cut off in the sub header", { truncateTo: 4100 }, "TRUNCATED", "sub header"],
    ["cut off in the bitmaps", { truncateTo: 9000 }, "TRUNCATED", "bitmaps"],
    ["cut off in the descriptors", { truncateTo: 16400 }, "TRUNCATED", "descriptors"],
  ] as const)("%s", (_, options, code, says) => {
    const { message, cure } = openError(folder, build(options as Partial<KdumpOptions>), code);
    expect(message).toContain(says);
    expect(cure).toBeTruthy();
  });
});
