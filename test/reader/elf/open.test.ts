import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDump } from "../../../src/reader/open.js";
import { noiseBytes, patternBytes } from "../../support/bytes.js";
import { ALL_ONES, buildElf, type ElfLoad, ElfMachine } from "../../support/elf-image.js";
import { temporaryFolder } from "../../support/filter.js";
import { prstatusNote, qemuNote, vmcoreinfoNote } from "../../support/notes.js";
import { failureOf, openError, pageOf, withDump } from "../../support/open.js";

const PAGE = 4096;
const folder = temporaryFolder();
const notes = [prstatusNote(1), vmcoreinfoNote("OSRELEASE=6.1.0\nPAGESIZE=4096\n")];
const page = (name: string) => patternBytes(name, PAGE);
const one: ElfLoad = { paddr: 0, data: page("only page ") };

describe("what an ELF header says", () => {
  test.each([
    { order: "little", bits: 64, machine: ElfMachine.x86_64, arch: "x86_64" },
    { order: "big", bits: 64, machine: ElfMachine.s390, arch: "s390x" },
    { order: "little", bits: 32, machine: ElfMachine.arm, arch: "arm" },
    { order: "big", bits: 32, machine: ElfMachine.ppc, arch: "ppc32" },
    // QEMU writes ELF64 for i386 guests whose ROM ends at 4 GiB.
    { order: "little", bits: 64, machine: ElfMachine.i386, arch: "i386" },
  ] as const)("$arch, ELF$bits, $order endian", ({ order, bits, machine, arch }) => {
    const bytes = buildElf({ byteOrder: order, class: bits, machine, notes, loads: [one] });
    withDump(folder, bytes, (dump) => {
      expect(dump.machine).toMatchObject({ arch, littleEndian: order === "little" });
      expect(dump.header.description).toBe(`ELF${bits} vmcore, ${order} endian`);
      expect(dump.header.cpus).toBe(1);
      expect(dump.vmcoreinfo?.osrelease).toBe("6.1.0");
      expect(pageOf(dump, 0)).toEqual(Buffer.from(one.data as Uint8Array));
    });
  });

  test("e_phoff is honoured: program headers behind section headers, as QEMU writes since 7.2", () => {
    const header = { ehsize: 8 };
    withDump(folder, buildElf({ sectionHeaderFirst: true, header, notes, loads: [one] }), (dump) => {
      expect(pageOf(dump, 0).toString("latin1", 0, 9)).toBe("only page");
    });
    withDump(folder, buildElf({ phoff: 4000, notes, loads: [one] }), (dump) => expect(dump.notes).toHaveLength(2));
  });

  test("more than 65,534 program headers: the number is in section header 0", () => {
    const loads = Array.from({ length: 70_000 }, (_, i) => ({ paddr: i * 2 * PAGE, data: noiseBytes(i, 8) }));
    withDump(folder, buildElf({ notes, loads }), (dump) => {
      expect(dump.ranges).toHaveLength(70_000);
      expect(pageOf(dump, 2 * 69_999).subarray(0, 8)).toEqual(Buffer.from(noiseBytes(69_999, 8)));
    });
  });

  test("bit 0 of e_flags marks an incomplete dump", () => {
    withDump(folder, buildElf({ flags: 1, notes, loads: [one] }), (dump) => expect(dump.header.incomplete).toBe(true));
  });

  test("PT_NOTE behind the PT_LOADs, and notes of several PT_NOTEs", () => {
    const more: ElfLoad = { type: 4, paddr: 0, data: Buffer.from(new Uint8Array(12)) };
    const bytes = buildElf({ noteLast: true, notes: [...notes, qemuNote()], loads: [more, one] });
    withDump(folder, bytes, (dump) =>
      expect(dump.notes.map(({ name }) => name)).toEqual(["CORE", "VMCOREINFO", "QEMU"]),
    );
  });

  test("without VMCOREINFO the page size is the machine's usual one", () => {
    withDump(folder, buildElf({ machine: ElfMachine.ppc64, notes: [], loads: [one] }), (dump, warnings) => {
      expect(dump.pageSize).toBe(65536);
      expect(warnings.list).toEqual([]);
    });
  });
});

describe("PT_LOADs", () => {
  const load = (...loads: ElfLoad[]) => buildElf({ notes, loads });

  test("overlapping: the first in the file wins, and pages count once", () => {
    const bytes = load(
      { paddr: PAGE, data: page("first ") },
      { paddr: 0, data: Buffer.concat([page("low "), page("no "), page("high ")]) },
    );
    withDump(folder, bytes, (dump) => {
      expect([0, 1, 2].map((pfn) => pageOf(dump, pfn).toString("latin1", 0, 4))).toEqual(["low ", "firs", "high"]);
      expect(dump.ranges).toEqual([{ start: 0, end: 3 * PAGE }]);
      expect(dump.maxMapnr).toBe(3);
    });
  });

  test("a segment whose tail was dropped does not hide the data of a later one", () => {
    const bytes = load({ paddr: 0, data: page("head "), memsz: 2 * PAGE }, { paddr: PAGE, data: page("tail ") });
    withDump(folder, bytes, (dump) => expect(pageOf(dump, 1).toString("latin1", 0, 5)).toBe("tail "));
  });

  test("that begin and end inside pages: a page is put together, the rest of it is zero", () => {
    const bytes = load({ paddr: 0, data: Buffer.from("abc") }, { paddr: 10, data: Buffer.from("xyz") });
    withDump(folder, bytes, (dump) => {
      expect(pageOf(dump, 0).toString("latin1", 0, 14)).toBe("abc\0\0\0\0\0\0\0xyz\0");
      expect(dump.maxMapnr).toBe(1);
    });
  });

  test("memsz above filesz: memory that is there, but not in the file", () => {
    withDump(folder, load({ paddr: 0, data: page("here "), memsz: 4 * PAGE }), (dump) => {
      expect(dump.ranges).toEqual([{ start: 0, end: 4 * PAGE }]);
      expect(dump.memory.next(PAGE)).toBe(Number.POSITIVE_INFINITY);
      expect(dump.memory.read(new Uint8Array(PAGE), PAGE)).toBe(0);
    });
  });

  test("memsz below filesz, 0 even: what is in the file is memory", () => {
    withDump(folder, load({ ...one, memsz: 0 }), (dump) => expect(dump.maxMapnr).toBe(1));
  });

  test("p_paddr of all ones has no physical address, in 64 and 32 bits", () => {
    withDump(folder, load({ paddr: ALL_ONES, data: page("vmalloc ") }, one), (dump) => expect(dump.maxMapnr).toBe(1));
    const small = buildElf({
      class: 32,
      machine: ElfMachine.arm,
      notes,
      loads: [{ paddr: 0xffff_ffff, data: page("x") }, one],
    });
    withDump(folder, small, (dump) => expect(dump.maxMapnr).toBe(1));
  });

  test("p_offset of all ones has no bytes in the file, whatever p_filesz says", () => {
    const away = { paddr: PAGE, offset: ALL_ONES, filesz: PAGE, memsz: PAGE };
    withDump(folder, load(one, away), (dump) => {
      expect(dump.maxMapnr).toBe(2);
      expect(dump.memory.next(PAGE)).toBe(Number.POSITIVE_INFINITY);
    });
  });

  test("none with memory: no kernel dump", () => {
    openError(folder, load(), "NOT_A_DUMP");
    openError(folder, load({ paddr: 0, memsz: 0 }), "NOT_A_DUMP");
    openError(folder, load({ paddr: ALL_ONES, data: page("vmalloc ") }), "NOT_A_DUMP");
  });
});

describe("files that are refused", () => {
  const build = (options: Parameters<typeof buildElf>[0]) => buildElf({ notes, loads: [one], ...options });

  test.each([
    ["a program, not a core", build({ type: 2 }), "NOT_A_DUMP", "type 2, not a core (4)"],
    ["class 3", build({ header: { fileClass: 3 } }), "CORRUPT", "ELF class 3"],
    ["data encoding 0", build({ header: { dataEncoding: 0 } }), "CORRUPT", "data encoding 0"],
    ["an unknown machine", build({ machine: 999 }), "UNSUPPORTED", "e_machine 999"],
    [
      "program headers of another size",
      build({ header: { phentsize: 32 } }),
      "CORRUPT",
      "its program headers have 32 bytes each; in ELF64 they have 56",
    ],
    [
      "a p_paddr beyond 2^53",
      build({ loads: [{ paddr: 1n << 60n, memsz: PAGE }] }),
      "LIMIT",
      "p_paddr 0x1000000000000000",
    ],
    ["an end beyond 2^53", build({ loads: [{ paddr: (1n << 53n) - 1n, memsz: PAGE }] }), "LIMIT", "p_paddr + p_memsz"],
    ["memory beyond all machines", build({ loads: [{ paddr: 1n << 52n, memsz: PAGE }] }), "LIMIT", "pages; at most"],
    ["cut off in the ELF header", build({ truncateTo: 40 }), "TRUNCATED", "ELF header"],
    ["cut off in the program headers", build({ truncateTo: 100 }), "TRUNCATED", "program headers"],
    [
      "cut off in the data",
      build({ truncateTo: 3000 }),
      "TRUNCATED",
      "is cut off: it has 3000 bytes, and its headers describe",
    ],
    ["65,535 headers without the section header", build({ header: { phnum: 0xffff } }), "CORRUPT", "no section header"],
  ] as const)("%s", (_, bytes, code, says) => {
    const { message, cure } = openError(folder, bytes, code);
    expect(message).toContain(says);
    expect(cure).toBeTruthy();
  });

  test("notes that together are more than the limit, each within the file", () => {
    const big = { type: 4, paddr: 0, offset: 0, filesz: 2 ** 20, memsz: 0 };
    const bytes = buildElf({
      notes,
      loads: [{ ...one, data: new Uint8Array(2 ** 20) }, ...new Array<ElfLoad>(1200).fill(big)],
    });
    expect(openError(folder, bytes, "LIMIT").message).toContain("notes");
  });
});

test("a file that was cut off after it was opened is an error, not an endless loop", () => {
  const path = join(folder, "shrinks");
  writeFileSync(path, buildElf({ notes, loads: [{ paddr: 0, data: noiseBytes(1, 8 * PAGE) }] }));
  const dump = openDump(path);
  truncateSync(path, 3 * PAGE);
  expect(failureOf(() => pageOf(dump, 6)).code).toBe("TRUNCATED");
  dump.close();
});
