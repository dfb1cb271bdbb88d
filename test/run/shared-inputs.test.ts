/** Inputs that once showed a fault: what became of each. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDump } from "../../src/reader/open.js";
import { describeWithDumps, sharedInput } from "../support/dumps.js";
import { buildElf, ElfMachine } from "../support/elf-image.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { vmcoreinfoNote } from "../support/notes.js";
import { failureOfAsync } from "../support/open.js";

const folder = temporaryFolder();
const output = join(folder, "out.kdump");

describeWithDumps("cores that are not a kernel's are refused at every level, by what they are", () => {
  const cases = [
    ["process-core.elf", "PROCESS_CORE", /is the core of a process, not of a kernel: it has a note .*NT_AUXV/],
    ["xen-xc_core.elf", "XEN_CORE", /is the core of a Xen domain/],
  ] as const;
  test.each(cases)("%s", async (name, subcode, what) => {
    const input = await sharedInput(name);
    for (const level of [0, 1, 31]) {
      for (const salvage of [false, true]) {
        const error = await failureOfAsync(() => filterFile(input, output, { level, open: { salvage } }));
        expect(error).toMatchObject({ code: "NOT_A_DUMP", subcode, what: expect.stringMatching(what) });
      }
    }
    expect(existsSync(output)).toBe(false);
  });
});

describeWithDumps("the shape of `xl dump-core`", () => {
  test("is read: its pages are where its index says", async () => {
    const dump = openDump(await sharedInput("xl-dump-core-shape.elf"));
    expect([dump.header.description, dump.ranges]).toEqual(["core of a Xen domain", [{ start: 0, end: 4 * 4096 }]]);
    dump.close();
  });
});

describe("told by program headers and notes", () => {
  const load = (vaddr: number) => ({ paddr: 0, vaddr, data: new Uint8Array(4096).fill(7), flags: 5 });
  const path = join(folder, "built.elf");
  const open = (options: Parameters<typeof buildElf>[0]) => {
    writeFileSync(path, buildElf(options));
    openDump(path).close();
  };
  const note = (name: string, type: number) => ({ name, type, desc: new Uint8Array(16) });

  test("several PT_LOADs, all at physical address 0", () => {
    const loads = [load(0x1000), load(0x8000)];
    expect(() => open({ machine: ElfMachine.x86_64, loads, notes: [] })).toThrow(/PT_LOADs are at physical address 0/);
    open({ machine: ElfMachine.x86_64, loads: [load(0x1000)], notes: [note("CORE", 1)] });
    // A kernel's image at the beginning of memory, and memory.
    open({
      machine: ElfMachine.x86_64,
      loads,
      notes: [note("CORE", 1), vmcoreinfoNote("OSRELEASE=6.1.0\nPAGESIZE=4096\n")],
    });
  });

  test("a note of mapped files", () => {
    const notes = [note("CORE", 0x46494c45)];
    expect(() => open({ machine: ElfMachine.x86_64, loads: [load(0)], notes })).toThrow(/NT_FILE/);
  });

  test("31-bit s390 is not s390x", () => {
    writeFileSync(path, buildElf({ machine: 22, class: 32, byteOrder: "big", loads: [load(0)], notes: [] }));
    expect(() => openDump(path)).toThrow(/is a dump of 31-bit s390, which coresieve does not know/);
  });
});

describeWithDumps("a distribution's kernel with newer memory management than its name has", () => {
  test("the tails of its huge pages go with their heads", async () => {
    const { classes, warnings } = await filterFile(await sharedInput("el9-backport-6.9.elf"), output);
    // What makedumpfile's newest source says of it.
    expect(classes).toMatchObject({ user: 1546, free: 2090 });
    expect(warnings.map(({ code }) => code)).toEqual(["FREE_ORDER"]);
  });
});
