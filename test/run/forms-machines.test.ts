/** 32-bit and big-endian dumps: ELF to kdump, kdump to ELF and back, with every page as it was. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ByteOrder, noiseBytes, patternBytes } from "../support/bytes.js";
import { compareElfWithElf, compareKdumpWithElf } from "../support/compare-pages.js";
import { buildElf, ElfMachine } from "../support/elf-image.js";
import { filterFile, filterFlattened, temporaryFolder } from "../support/filter.js";
import { bitmapPfns, readKdumpBitmap2 } from "../support/golden.js";
import { buildKdump, type KdumpPage } from "../support/kdump-image.js";
import { prstatusNote, vmcoreinfoNote } from "../support/notes.js";
import { openElf } from "../support/other-elf.js";
import { openKdump } from "../support/other-kdump.js";

interface MachineCase {
  readonly name: string;
  readonly machine: string;
  readonly elfMachine: number;
  readonly class: 32 | 64;
  readonly wordSize: 4 | 8;
  readonly byteOrder: ByteOrder;
  /** Sub header of 32-bit kdump files. */
  readonly packed32?: boolean;
}

const machines: readonly MachineCase[] = [
  {
    name: "i386",
    machine: "i686",
    elfMachine: ElfMachine.i386,
    class: 32,
    wordSize: 4,
    byteOrder: "little",
    packed32: true,
  },
  { name: "arm", machine: "armv7l", elfMachine: ElfMachine.arm, class: 32, wordSize: 4, byteOrder: "little" },
  { name: "ppc32", machine: "ppc", elfMachine: ElfMachine.ppc, class: 32, wordSize: 4, byteOrder: "big" },
  { name: "s390x", machine: "s390x", elfMachine: ElfMachine.s390, class: 64, wordSize: 8, byteOrder: "big" },
  { name: "ppc64", machine: "ppc64", elfMachine: ElfMachine.ppc64, class: 64, wordSize: 8, byteOrder: "big" },
  { name: "arm64", machine: "aarch64", elfMachine: ElfMachine.aarch64, class: 64, wordSize: 8, byteOrder: "little" },
];

const PAGE = 4096;
const text = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n";
const notes = [prstatusNote(7), prstatusNote(8), vmcoreinfoNote(text)];
/** Text, noise, zeros; a hole of memory between pfn 3 and 16; the last two pages are no neighbours of the others. */
const content = new Map<number, Uint8Array>([
  [0, patternBytes("first page ", PAGE)],
  [1, new Uint8Array(PAGE)],
  [2, noiseBytes(2, PAGE)],
  [16, patternBytes("behind the hole ", PAGE)],
  [17, noiseBytes(17, PAGE)],
  [18, new Uint8Array(PAGE)],
]);
const nonZero = [0, 2, 16, 17];

function elfOf(machine: MachineCase): Uint8Array {
  const join3 = (pfns: readonly number[]) => Buffer.concat(pfns.map((pfn) => content.get(pfn) as Uint8Array));
  return buildElf({
    class: machine.class,
    byteOrder: machine.byteOrder,
    machine: machine.elfMachine,
    notes,
    loads: [
      { paddr: 0, data: join3([0, 1, 2]) },
      { paddr: 16 * PAGE, data: join3([16, 17, 18]) },
    ],
  });
}

function kdumpOf(machine: MachineCase): Uint8Array {
  const pages = new Map([...content].map(([pfn, data]): [number, KdumpPage] => [pfn, { codec: "zlib", data }]));
  return buildKdump({
    wordSize: machine.wordSize,
    byteOrder: machine.byteOrder,
    ...(machine.packed32 === undefined ? {} : { packed32: machine.packed32 }),
    utsname: { sysname: "Linux", release: "6.1.0-test", machine: machine.machine },
    notes,
    pages,
  });
}

describe.each(machines)("$name", (machine) => {
  const folder = temporaryFolder();
  const [elf, kdump, output] = [join(folder, "elf"), join(folder, "kdump"), join(folder, "output")];
  writeFileSync(elf, elfOf(machine));
  writeFileSync(kdump, kdumpOf(machine));

  test.each([0, 1])("level %i, ELF to kdump and back", async (level) => {
    await filterFile(elf, output, { level, codec: "lzo" });
    const all = [...content.keys()];
    expect([...bitmapPfns(readKdumpBitmap2(output))]).toEqual(all);
    expect(compareKdumpWithElf(output, elf)).toMatchObject({ same: all.length, different: [], unknown: [] });
    const { facts, close } = openKdump(output);
    close();
    expect(facts).toMatchObject({
      littleEndian: machine.byteOrder === "little",
      wordSize: machine.wordSize,
      machine: machine.machine,
      release: "6.1.0-test",
      version: 6,
      dumpLevel: level,
      maxPfn: 19,
      cpus: 2,
    });
    expect(facts.vmcoreinfo.toString("latin1")).toBe(text);
    const back = join(folder, "back");
    await filterFile(output, back, { level, format: "elf" });
    expectElf(back, level);
  });

  test.each([0, 1])("level %i, kdump to ELF and back", async (level) => {
    await filterFile(kdump, output, { level, format: "elf" });
    expectElf(output, level);
    const back = join(folder, "back");
    await filterFile(output, back, { level: 0, codec: "zlib" });
    expect([...bitmapPfns(readKdumpBitmap2(back))]).toEqual(level === 0 ? [...content.keys()] : nonZero);
    expect(compareKdumpWithElf(back, elf)).toMatchObject({ different: [], unknown: [] });
  });

  test("flattened, both formats", async () => {
    const flat = join(folder, "flat");
    await filterFlattened(elf, flat, { level: 1, codec: "snappy" });
    await filterFile(flat, output, { level: 0 });
    expect(compareKdumpWithElf(output, elf)).toMatchObject({ same: content.size, different: [], unknown: [] });
    await filterFlattened(kdump, flat, { level: 1, format: "elf" });
    await filterFile(flat, output, { level: 0, format: "elf" });
    expectElf(output, 1);
  });

  /** An ELF file of the same machine with the same pages; at level 1 zero pages have no bytes in it. */
  function expectElf(path: string, level: number): void {
    const found = openElf(path);
    expect({ bits: found.bits, little: found.littleEndian, machine: found.machine }).toEqual({
      bits: machine.class,
      little: machine.byteOrder === "little",
      machine: machine.elfMachine,
    });
    expect([...found.pfns(PAGE)]).toEqual(level === 0 ? [...content.keys()] : nonZero);
    const original = openElf(elf);
    expect(found.notes.equals(original.notes)).toBe(true);
    original.close();
    found.close();
    const compared = compareElfWithElf(path, elf, content.keys(), PAGE);
    expect(compared).toMatchObject({ same: content.size, different: [], unknown: [], leaked: [] });
  }
});
