/** Faults that other readers of dumps had, each named by the fix: none of them here. docs/dev/reliability.md lists all. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { initialPlan } from "../../src/filter/plan.js";
import { openVmlinux } from "../../src/kernel/debuginfo/vmlinux.js";
import { countBits, setBits, sharedBitmap } from "../../src/reader/bitmap.js";
import { openDump } from "../../src/reader/open.js";
import { Warnings } from "../../src/warnings.js";
import { noiseBytes, patternBytes } from "../support/bytes.js";
import { buildElf, type ElfLoad } from "../support/elf-image.js";
import { elfProgram } from "../support/elf-program.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { flatten, flattenRecords } from "../support/flattened-image.js";
import { buildKdump } from "../support/kdump-image.js";
import { privateKernel } from "../support/kernel/private-kernel.js";
import { writeElf } from "../support/kernel-dump.js";
import { encodeNotes, prstatusNote, vmcoreinfoNote } from "../support/notes.js";
import { failureOf, openError, pageOf, withDump } from "../support/open.js";

const folder = temporaryFolder();
const PAGE = 4096;
const page = (name: string) => patternBytes(name, PAGE);
const load: ElfLoad = { paddr: 0, data: page("only page ") };
const TEXT = "OSRELEASE=6.1.0\nPAGESIZE=4096\n";
const notes = [vmcoreinfoNote(TEXT)];

describe("notes", () => {
  test("drgn 046b94f0: the last number of VMCOREINFO ends where its note ends, whatever digits follow in the file", () => {
    const note = encodeNotes([vmcoreinfoNote(`${TEXT}CRASHTIME=17`)], "little");
    const bytes = buildElf({ rawNotes: note, loads: [{ paddr: 0, data: Buffer.from("0".repeat(PAGE)) }] });
    withDump(folder, bytes, (dump) => expect(dump.vmcoreinfo?.crashTime).toBe(17));
  });

  test("crash 0687bd1: empty and cut-off notes", () => {
    const whole = encodeNotes([{ name: "", type: 0, desc: new Uint8Array(0) }, ...notes, prstatusNote(1)], "little");
    for (let length = 0; length <= whole.length; length++) {
      const bytes = buildElf({ rawNotes: whole.subarray(0, length), loads: [load] });
      withDump(folder, bytes, (dump) => expect(dump.notes.length).toBeLessThanOrEqual(2));
    }
  });

  test("libkdumpfile 99b8187: notes at an odd place in the file", () => {
    const area: ElfLoad = { type: 4, paddr: 0, offset: 1001, data: encodeNotes(notes, "little") };
    withDump(folder, buildElf({ loads: [area, { ...load, offset: 2003 }] }), (dump) => {
      expect(dump.vmcoreinfo?.osrelease).toBe("6.1.0");
      expect(pageOf(dump, 0)).toEqual(Buffer.from(page("only page ")));
    });
  });

  test.each([0, 8, 100])("libkdumpfile 894ec1e: registers in a PRSTATUS of %i bytes", async (size) => {
    const [input, output] = [join(folder, "prstatus"), join(folder, "prstatus.out")];
    const kernel = privateKernel({ release: "6.12.0" });
    const short = [{ name: "CORE", type: 1, desc: new Uint8Array(size) }, vmcoreinfoNote(kernel.vmcoreinfo)];
    writeElf(input, { ...kernel, notes: short });
    const { classes } = await filterFile(input, output, { privacy: true });
    expect(Object.values(classes).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  });
});

describe("addresses", () => {
  test("crash b80b165, makedumpfile 881708b: memory above 8 TiB and at 100 TiB", () => {
    const places = [2 ** 43 + PAGE, 100 * 2 ** 40];
    const loads = places.map((paddr, i) => ({ paddr, data: page(`high ${i} `) }));
    withDump(folder, buildElf({ notes, loads }), (dump) => {
      expect(dump.ranges).toEqual(places.map((start) => ({ start, end: start + PAGE })));
      for (const [i, paddr] of places.entries()) {
        expect(pageOf(dump, paddr / PAGE)).toEqual(Buffer.from(page(`high ${i} `)));
      }
    });
    withDump(folder, buildElf({ notes, loads: loads.slice(0, 1) }), (dump) => {
      const plan = initialPlan(dump, undefined);
      expect([plan.inputPages, plan.maxMapnr]).toEqual([1, 2 ** 31 + 2]);
    });
  });

  test("bitmaps of more than 2^31 bytes (64 TiB of memory)", () => {
    const pages = 2 ** 34 + 64;
    const bitmap = sharedBitmap(pages);
    setBits(bitmap, pages - 50, pages - 40);
    expect(countBits(bitmap, pages - 100, pages)).toBe(10);
  });

  test("libkdumpfile 34b8800, 1980137, bea6ce0: addresses that cannot be are refused, or are no memory", () => {
    const bogus = (paddr: bigint) => buildElf({ notes, loads: [load, { paddr, data: page("bogus ") }] });
    withDump(folder, bogus(0xffff_ffff_ffff_ffffn), (dump) => expect(dump.ranges).toEqual([{ start: 0, end: PAGE }]));
    openError(folder, bogus(0xffff_ffff_ffff_f000n), "LIMIT");
    openError(folder, bogus(0xffff_8880_0000_0000n), "LIMIT");
    openError(folder, bogus(1n << 50n), "LIMIT");
  });
});

describe("headers", () => {
  const pages = new Map([0, 1, 2].map((pfn) => [pfn, { codec: "zlib" as const, data: page(`${pfn} `) }]));

  test("crash 79b93ec: a header cut off at any byte", () => {
    const whole = buildKdump({ pages, notes });
    const path = join(folder, "cut");
    for (let length = 1; length < PAGE + 200; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      expect(["TRUNCATED", "NOT_A_DUMP"]).toContain(failureOf(() => openDump(path)).code);
    }
  });

  test("crash 1767e9d, libkdumpfile#1: bitmaps beyond the end of the file, and none at all", () => {
    openError(folder, buildKdump({ pages, notes, truncateTo: 2 * PAGE + 100 }), "TRUNCATED");
    openError(folder, buildKdump({ pages, notes, header: { bitmapBlocks: 2 ** 20 } }), "TRUNCATED");
    openError(folder, buildKdump({ pages, notes, header: { bitmapBlocks: 0 } }), "CORRUPT");
  });

  test("a number of pages that only the file's end contradicts asks for no memory", () => {
    const path = join(folder, "many-pages");
    const header = { maxMapnr: 0xffff_ffff, bitmapBlocks: 2 ** 19 };
    writeFileSync(path, buildKdump({ pages, version: 5, notes, header }));
    const dump = openDump(path, new Warnings(), { salvage: true });
    expect(dump.maxMapnr).toBeLessThan(8 * dump.fileSize);
    dump.close();
  });

  test("libkdumpfile a2cbfbd: an empty utsname", () => {
    const names = { sysname: "", nodename: "", release: "", version: "", machine: "", domainname: "" };
    openError(folder, buildKdump({ pages, utsname: names }), "UNSUPPORTED");
    const info = `${TEXT}NUMBER(sme_mask)=0\nSYMBOL(init_top_pgt)=ffffffff82a10000\nNUMBER(phys_base)=0\n`;
    withDump(folder, buildKdump({ pages, utsname: names, vmcoreinfo: info }), (dump) => {
      expect(dump.machine.arch).toBe("x86_64");
    });
  });

  test("libkdumpfile d635dc5: names beyond the end of a string table", () => {
    const path = join(folder, "vmlinux");
    const bytes = Buffer.from(
      elfProgram({
        symbols: [{ name: "linux_banner", address: 0x8000_1008n }],
        sections: [
          { name: ".rodata", flags: 2, addr: 0x8000_1000n, data: Buffer.from("--------Linux version 5.4.0 \n\0") },
        ],
      }),
    );
    const named = bytes.lastIndexOf(Buffer.from([1, 0, 0, 0, 0x11]));
    bytes.writeUInt32LE(0xffff_fff0, named);
    writeFileSync(path, bytes);
    expect(failureOf(() => openVmlinux(path)).message).toContain(path);
  });
});

describe("flattened files", () => {
  const inner = buildElf({ notes, loads: [load] });

  test("drgn 55a9b443: the signature has 16 bytes, its NULs among them", () => {
    withDump(folder, flatten(inner), (dump) => expect(dump.header.flattened).toBe(true));
    openError(folder, flatten(inner, { signature: "makedumpfile-1.7" }), "NOT_A_DUMP");
  });

  test("makedumpfile c763012: of several records for one place the later one counts", () => {
    const older = { offset: 0, bytes: noiseBytes(1, inner.length) };
    const parts = [0, 1000].map((offset) => ({
      offset,
      bytes: inner.subarray(offset, offset === 0 ? 1000 : undefined),
    }));
    withDump(folder, flattenRecords([older, ...parts, { offset: 1200, bytes: inner.subarray(1200, 1300) }]), (dump) =>
      expect(pageOf(dump, 0)).toEqual(Buffer.from(page("only page "))),
    );
  });

  test("crash fbf9a6f: a stream cut off at any record ends", () => {
    const whole = flatten(inner, { recordSize: 64 });
    const path = join(folder, "stream");
    for (let length = 4096; length < whole.length; length += 80) {
      writeFileSync(path, whole.subarray(0, length));
      expect(failureOf(() => openDump(path)).code).toBe("TRUNCATED");
    }
  });
});

test("drgn#196, drgn#280: a dump opened many times, and closed twice", () => {
  const path = join(folder, "many");
  writeFileSync(path, buildElf({ notes, loads: [load] }));
  const dumps = Array.from({ length: 20 }, () => openDump(path));
  for (const dump of dumps.slice(1)) for (let i = 0; i < 2; i++) dump.close();
  expect(pageOf(dumps[0] as (typeof dumps)[number], 0)).toEqual(Buffer.from(page("only page ")));
  dumps[0]?.close();
});
