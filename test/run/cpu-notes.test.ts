/** Dumps without notes of CPUs: kdump outputs have one for each CPU, with what a crash left in memory or as absent. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NT_PRSTATUS } from "../../src/reader/notes.js";
import { openDump } from "../../src/reader/open.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { Warnings } from "../../src/warnings.js";
import { runHere } from "../support/cli-here.js";
import { describeWithDumps, realDump } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { buildKdump } from "../support/kdump-image.js";
import { buildLime, ramOf } from "../support/raw-image.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];

function cpuNotes(path: string) {
  const dump = openDump(path);
  const { notes, header } = dump;
  dump.close();
  const found = notes
    .filter(({ name, type }) => name === "CORE" && type === NT_PRSTATUS)
    .map(({ desc }) => Buffer.from(desc));
  return { notes: found, cpus: header.cpus };
}

/** The same dump without notes of CPUs: their type is another. */
function withoutNotes(vmcore: string): Buffer {
  const file = readFileSync(vmcore);
  const dump = openDump(vmcore);
  for (const { type, descOffset } of dump.notes.filter(({ name }) => name === "CORE")) {
    const at = file.indexOf(dump.noteArea.subarray(descOffset - 20, descOffset + 64));
    expect(file.readUInt32LE(at + 8)).toBe(type);
    file.writeUInt32LE(0x99, at + 8);
  }
  dump.close();
  return file;
}

describeWithDumps("real dumps", () => {
  test.each([
    ["tiny-x86-6.1", 2, 336],
    ["tiny-arm64-6.12-64k-va52", 2, 392],
    ["tiny-i386-6.12-pae-sparsemem", 2, 144],
  ])("%s as a memory image: each of %i CPUs has a note that is no task's", async (name, cpus, size) => {
    const { vmcore, facts } = await realDump(name);
    const dump = openDump(vmcore);
    expect(dump.header.cpus).toBe(cpus);
    dump.close();
    writeDump(input, buildLime(ramOf(vmcore)));
    const warnings = new Warnings();
    await filterFile(input, output, { level: 31, format: "kdump", warnings });
    const found = cpuNotes(output);
    expect(found.cpus).toBe(cpus);
    expect(found.notes.map(({ length }) => length)).toEqual(Array(cpus).fill(size));
    // pr_pid: no process, so that drgn takes a task's own saved registers.
    const at = facts.arch === "i386" ? 24 : 32;
    for (const one of found.notes) expect(one.readInt32LE(at)).toBe(-1);
    expect((await verifyDump(output)).whole).toBe(true);
    // Notes without registers are none of registers, neither here nor in a report; the image itself has no notes at all.
    for (const path of [input, output]) {
      expect((await runHere(["info", path])).stdout.toString()).toContain(`, ${cpus} CPUs, none with registers\n`);
      const report = await runHere(["report", path, "--output", `${output}.html`, "-f"]);
      expect(report.code).toBe(0);
      expect(readFileSync(`${output}.html`, "utf8")).toContain(`<dt>CPUs</dt><dd>${cpus}, none with registers</dd>`);
    }
    // An ELF file does without: its readers do not count CPUs by notes.
    await filterFile(input, output, { level: 31, format: "elf" });
    expect(cpuNotes(output).notes).toEqual([]);
  });

  test.each(["kdump", "elf"] as const)("registers that a crash left in memory, %s", async (format) => {
    const { vmcore } = await realDump("x86-6.1-kdump-tiny");
    writeDump(input, withoutNotes(vmcore));
    expect(cpuNotes(input).notes).toEqual([]);
    const { warnings } = await filterFile(input, output, { level: 31, format });
    expect(warnings).toEqual([]);
    expect(cpuNotes(output)).toEqual(cpuNotes(vmcore));
  });

  test("with --privacy they are looked at as others are", async () => {
    const { vmcore } = await realDump("x86-6.1-kdump-tiny");
    writeDump(input, withoutNotes(vmcore));
    const run = { level: 31, privacy: true, privacyExtra: ["registers"] } as const;
    await filterFile(vmcore, output, run);
    const expected = cpuNotes(output);
    await filterFile(input, output, run);
    expect(cpuNotes(output)).toEqual(expected);
  });
});

test.each([
  ["x86_64", "x86_64", 4096],
  ["aarch64", "arm64", 4096],
  ["s390x", "s390x", 4096],
  ["ppc64le", "ppc64", 65536],
  ["riscv64", "riscv64", 4096],
])(
  "%s: a dump without a readable kernel keeps its machine and number of CPUs from form to form",
  async (machine, arch, blockSize) => {
    const folder = temporaryFolder();
    const files = ["kdump", "elf", "kdump", "elf"] as const;
    const byteOrder = machine === "s390x" ? "big" : "little";
    const page = { codec: "raw" as const, data: new Uint8Array(blockSize).fill(1) };
    writeFileSync(
      join(folder, "0"),
      buildKdump({ nrCpus: 4, utsname: { machine }, byteOrder, blockSize, pages: new Map([[1, page]]) }),
    );
    for (const [i, format] of files.entries()) {
      // The header's number first, then what the last output has.
      for (const from of [0, i]) {
        const output = join(folder, `${i + 1}`);
        await filterFile(join(folder, `${from}`), output, { level: 0, format });
        const dump = openDump(output);
        expect({ from, format, arch: dump.machine.arch, cpus: dump.header.cpus }).toEqual({
          from,
          format,
          arch,
          cpus: 4,
        });
        dump.close();
      }
    }
  },
);
