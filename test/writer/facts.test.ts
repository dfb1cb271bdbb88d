/** What an output says of itself: notes byte for byte, VMCOREINFO, and every field of the headers. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { asciiBytes, patternBytes } from "../support/bytes.js";
import { buildElf, type ElfLoad } from "../support/elf-image.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { buildKdump } from "../support/kdump-image.js";
import { toElf, writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { encodeNotes, type Note, prstatusNote, qemuNote, vmcoreinfoNote } from "../support/notes.js";
import { withDump } from "../support/open.js";
import { openElf } from "../support/other-elf.js";
import { openKdump } from "../support/other-kdump.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];
const physBase = 0x40_0000;
const kernel = buildKernel({
  memory: 48 * MiB,
  physBase,
  kernelOffset: 0x20_0000,
  crashTime: 1_700_000_001,
  memoryModel: "sparse-extreme",
  utsname: { nodename: "db7.example", version: "#9 SMP", domainname: "example" },
});
const notes: Note[] = [
  prstatusNote(1),
  prstatusNote(2),
  prstatusNote(3),
  qemuNote(),
  { name: "LINUX", type: 0x700, desc: asciiBytes(`${"nic0".padEnd(44, "\0")}registers of a driver, 33 bytes long`) },
  vmcoreinfoNote(kernel.vmcoreinfo),
];
/** The kernel leaves its buffers filled up with zeros, and they are part of the note area. */
const area = Buffer.concat([encodeNotes(notes, "little"), new Uint8Array(40)]);
const elf = toElf(kernel, { rawNotes: area });

function kdumpFacts(path: string) {
  const { facts, close } = openKdump(path);
  close();
  return facts;
}

describe("from ELF", () => {
  test("to kdump: notes, VMCOREINFO's place, utsname, time, CPUs, phys_base, level", async () => {
    writeDump(input, elf);
    await filterFile(input, output, { level: 31, codec: "lzo" });
    const facts = kdumpFacts(output);
    expect(facts.notes.equals(area)).toBe(true);
    expect(facts.vmcoreinfo.toString("latin1")).toBe(kernel.vmcoreinfo);
    expect(facts).toMatchObject({
      version: 6,
      sysname: "Linux",
      nodename: "db7.example",
      release: "6.1.0",
      utsVersion: "#9 SMP",
      machine: "x86_64",
      domainname: "example",
      seconds: 1_700_000_001n,
      microseconds: 0n,
      status: 2,
      blockSize: 4096,
      cpus: 3,
      physBase: BigInt(physBase),
      dumpLevel: 31,
      split: 0,
      maxPfn: (48 * MiB) / 4096,
    });
  });

  test("to ELF, and on to kdump", async () => {
    writeDump(input, elf);
    await filterFile(input, output, { level: 31, format: "elf" });
    const dump = openElf(output);
    dump.close();
    expect(dump.notes.equals(area)).toBe(true);
    const last = join(folder, "last");
    await filterFile(output, last, { level: 31 });
    expect(kdumpFacts(last)).toMatchObject({ nodename: "db7.example", cpus: 3, seconds: 1_700_000_001n });
    expect(kdumpFacts(last).notes.equals(area)).toBe(true);
  });

  test("a negative phys_base", async () => {
    const negative = buildKernel({
      physBase: -0x40_0000,
      kernelOffset: 0x80_0000,
      memory: 48 * MiB,
      memoryModel: "sparse-extreme",
    });
    writeElf(input, negative);
    await filterFile(input, output);
    expect(BigInt.asIntN(64, kdumpFacts(output).physBase)).toBe(-0x40_0000n);
  });

  test("a file that its owner alone may read: it holds everybody's secrets", async () => {
    writeFileSync(input, elf, { mode: 0o644 });
    const fresh = join(folder, "fresh");
    await filterFile(input, fresh);
    expect(statSync(fresh).mode & 0o777).toBe(0o600);
  });
});

describe("from kdump", () => {
  const page = new Map([[0, { codec: "raw" as const, data: new Uint8Array(4096).fill(7) }]]);

  test("what the header knows is kept: time, level, utsname", async () => {
    const utsname = {
      sysname: "Linux",
      nodename: "n",
      release: "5.4.0",
      version: "v",
      machine: "aarch64",
      domainname: "d",
    };
    writeFileSync(
      input,
      buildKdump({ pages: page, utsname, timestamp: 99, dumpLevel: 18, nrCpus: 5, physBase: 0x8000_0000 }),
    );
    await filterFile(input, output, { level: 0 });
    expect(kdumpFacts(output)).toMatchObject({
      ...{ nodename: "n", release: "5.4.0", utsVersion: "v", machine: "aarch64", domainname: "d" },
      ...{ seconds: 99n, dumpLevel: 18, cpus: 5, physBase: 0x8000_0000n },
    });
  });

  test("VMCOREINFO of a version 3 header, which has no notes, becomes a note", async () => {
    const vmcoreinfo = "OSRELEASE=2.6.32\nPAGESIZE=4096\n";
    writeFileSync(input, buildKdump({ pages: page, version: 3, vmcoreinfo }));
    for (const format of ["kdump", "elf"] as const) {
      await filterFile(input, output, { level: 0, format });
      withDump(folder, readFileSync(output), (dump) => {
        // And one of the CPU that the header counts (test/run/cpu-notes.test.ts).
        expect(dump.notes.map(({ name }) => name)).toEqual(["CORE", "VMCOREINFO"]);
        expect(dump.vmcoreinfo?.text).toBe(vmcoreinfo);
      });
    }
    await filterFile(input, output, { level: 0 });
    expect(kdumpFacts(output).vmcoreinfo.toString("latin1")).toBe(vmcoreinfo);
  });

  test("eraseinfo stays, to kdump, to ELF, where it is a note, and back", async () => {
    const eraseinfo = "erase jiffies 8\nerase secrets.key 64\n";
    writeFileSync(input, buildKdump({ pages: page, eraseinfo, vmcoreinfo: "PAGESIZE=4096\n" }));
    const elfOutput = join(folder, "erased.elf");
    await filterFile(input, elfOutput, { level: 0, format: "elf" });
    for (const from of [input, elfOutput]) {
      await filterFile(from, output, { level: 0 });
      withDump(folder, readFileSync(output), (dump) => {
        expect(Buffer.from(dump.eraseinfo as Uint8Array).toString()).toBe(eraseinfo);
      });
    }
  });

  test("QEMU's Unknown machine gets its name", async () => {
    writeFileSync(
      input,
      buildKdump({
        pages: page,
        utsname: { machine: "Unknown" },
        vmcoreinfo: "PAGESIZE=4096\nOSRELEASE=6.1\nNUMBER(kimage_voffset)=0x1\n",
      }),
    );
    await filterFile(input, output, { level: 0 });
    expect(kdumpFacts(output)).toMatchObject({ machine: "aarch64", sysname: "Linux", release: "6.1" });
  });
});

test("an ELF file with more than 65,534 pieces has its number in section header 0", async () => {
  // All but the last are memory that an earlier filter dropped, so that the file stays small.
  const loads: ElfLoad[] = Array.from({ length: 66_000 }, (_, i) => ({ paddr: i * 8192, memsz: 4096 }));
  loads.push({ paddr: 66_000 * 8192, data: patternBytes("last ", 4096) });
  writeFileSync(input, buildElf({ notes: [vmcoreinfoNote("PAGESIZE=4096\n")], loads }));
  await filterFile(input, output, { level: 0, format: "elf" });
  const dump = openElf(output);
  expect(dump.segments.length).toBe(66_002);
  expect(dump.page(2 * 66_000, 4096)?.toString("latin1", 0, 4)).toBe("last");
  dump.close();
});
