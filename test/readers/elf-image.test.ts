import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { patternBytes } from "../support/bytes.js";
import { ALL_ONES, buildElf, ElfMachine, type ElfOptions } from "../support/elf-image.js";
import { hasLibkdumpfile, hasReadelf, readWithLibkdumpfile, runTool, withTempDir } from "../support/external-tools.js";
import { prstatusNote, qemuNote, vmcoreinfoNote } from "../support/notes.js";

const PAGE = 4096;
const notes = [prstatusNote(7), qemuNote(), vmcoreinfoNote("OSRELEASE=6.1.0\nPAGESIZE=4096\n")];
const first = patternBytes("first ", 3 * PAGE);
const second = patternBytes("second ", 2 * PAGE);

/** readelf's words, without its complaints; fails if it has any. */
function readelf(image: Uint8Array): string {
  return withTempDir((folder) => {
    const file = join(folder, "vmcore");
    writeFileSync(file, image);
    const run = runTool("readelf", ["-W", "-h", "-l", "-n", file]);
    expect(run.status).toBe(0);
    expect(run.stderr).toBe("");
    return run.stdout;
  });
}

describe.skipIf(!hasReadelf)("ELF images read by readelf", () => {
  const variants: readonly (readonly [string, ElfOptions, readonly RegExp[]])[] = [
    ["64-bit little endian", {}, [/ELF64/, /little endian/, /X86-64/]],
    ["64-bit big endian", { byteOrder: "big", machine: ElfMachine.s390 }, [/ELF64/, /big endian/, /S\/390/]],
    ["32-bit little endian", { class: 32, machine: ElfMachine.arm }, [/ELF32/, /little endian/, /ARM/]],
    ["32-bit big endian", { class: 32, byteOrder: "big", machine: ElfMachine.ppc }, [/ELF32/, /big endian/, /PowerPC/]],
    ["section headers first", { sectionHeaderFirst: true }, [/192 \(bytes into file\)/, /64 \(bytes into file\)/]],
    ["program headers elsewhere", { phoff: 1000 }, [/1000 \(bytes into file\)/]],
    ["notes last", { noteLast: true }, [/LOAD[\s\S]*NOTE/]],
    ["extended numbering", { extendedNumbering: true }, [/65535 \(3\)/]],
  ];

  test.each(variants)("%s", (_name, options, patterns) => {
    const text = readelf(
      buildElf({
        notes,
        loads: [
          { paddr: 0x1000, vaddr: 0x7000, data: first, flags: 5 },
          { paddr: 0x10_0000, data: second, memsz: 0x5000 },
        ],
        ...options,
      }),
    );
    expect(text).toMatch(/CORE \(Core file\)/);
    expect(text).toMatch(/NT_PRSTATUS/);
    expect(text).toMatch(/VMCOREINFO/);
    expect(text).toMatch(/LOAD +0x[0-9a-f]+ 0x0*7000 0x0*1000 0x0*3000 0x0*3000 R E/);
    expect(text).toMatch(/LOAD +0x[0-9a-f]+ 0x0* 0x0*100000 0x0*2000 0x0*5000/);
    for (const pattern of patterns) {
      expect(text).toMatch(pattern);
    }
  });

  test("70,000 program headers", () => {
    const loads = Array.from({ length: 70_000 }, (_, index) => ({ paddr: index * 2 * PAGE, filesz: 0, memsz: PAGE }));
    const text = readelf(buildElf({ notes, loads }));
    expect(text).toMatch(/65535 \(70001\)/);
    expect(text.match(/ LOAD /g)).toHaveLength(70_000);
  });
});

describe.skipIf(!hasLibkdumpfile)("ELF images read by libkdumpfile", () => {
  test.each([{}, { sectionHeaderFirst: true }, { noteLast: true }, { alignData: PAGE }] as const)("%j", (options) => {
    const image = buildElf({
      notes,
      loads: [
        { paddr: 0x10_0000, vaddr: 0xffff_8880_0010_0000n, data: second },
        { paddr: 0x1000, vaddr: 0xffff_8880_0000_1000n, data: first },
        { paddr: ALL_ONES, vaddr: 0xffff_c900_0000_0000n, offset: ALL_ONES, filesz: 0, memsz: PAGE },
      ],
      ...options,
    });
    const digest = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
    expect(
      readWithLibkdumpfile(image, [
        [0x1000, 3 * PAGE],
        [0x10_1000, PAGE],
      ]).pages,
    ).toEqual([digest(first), digest(second.subarray(PAGE))]);
  });
});

test("claims larger than the file, and truncation", () => {
  const image = buildElf({ loads: [{ paddr: 0, data: first, filesz: 1 << 20 }], truncateTo: 500 });
  expect(image).toHaveLength(500);
  expect(new DataView(image.buffer).getBigUint64(64 + 32, true)).toBe(1n << 20n);
});
