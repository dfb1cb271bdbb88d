/**
 * A file may call an x86-64 machine i386, as QEMU does while its first CPU is not in 64-bit mode: the kernel's own facts
 * say what it is.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDump } from "../../src/reader/open.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { keptPages } from "../support/golden.js";
import { toElf, toKdump, writeElf } from "../support/kernel-dump.js";
import { buildKernel, MiB } from "../support/kernel-image.js";
import { encodeNotes, qemuNote, vmcoreinfoNote } from "../support/notes.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];
const kernel = buildKernel({ memory: 24 * MiB, pages: [{ pfn: 120, kind: "anon", count: 5 }] });
kernel.memory.write(148 * 4096, encodeNotes([vmcoreinfoNote(kernel.vmcoreinfo)], "little"));

/** e_machine of i386. */
function asI386(elf: Uint8Array): Uint8Array {
  Buffer.from(elf.buffer, elf.byteOffset).writeUInt16LE(3, 18);
  return elf;
}
const utsname = { release: "", machine: "i686" };

test.each([
  ["ELF", () => asI386(toElf(kernel))],
  ["ELF, VMCOREINFO in memory only", () => asI386(toElf({ ...kernel, notes: kernel.notes.slice(0, 1) }))],
  ["kdump", () => toKdump(kernel, { utsname })],
  ["kdump, VMCOREINFO in memory only", () => toKdump({ ...kernel, notes: [], vmcoreinfo: "" }, { utsname })],
])("%s", async (_, bytes) => {
  writeElf(input, kernel);
  await filterFile(input, output);
  const expected = keptPages(output);
  writeDump(input, bytes());
  const { classes } = await filterFile(input, output);
  expect(classes.user).toBe(5);
  expect(keptPages(output)).toEqual(expected);
  const filtered = openDump(output);
  filtered.close();
  expect(filtered.machine.arch).toBe("x86_64");
});

/** Notes of a CPU as QEMU writes them then: i386's struct elf_prstatus, all of it but the process a mark. */
const mark = Buffer.from("REGISTER");
const notes386 = [
  { name: "CORE", type: 1, desc: Buffer.alloc(144, mark) },
  qemuNote(),
  vmcoreinfoNote(kernel.vmcoreinfo),
];
const qemu = { ...kernel, notes: notes386 };

test.each([
  ["ELF", () => asI386(toElf(qemu)), "elf"],
  ["kdump that says i686", () => toKdump(qemu, { utsname }), "kdump"],
  ["kdump that says x86_64 (QEMU 7.2)", () => toKdump(qemu, { utsname: { release: "", machine: "x86_64" } }), "kdump"],
] as const)("notes with i386's registers are left out of a dump of x86-64: %s", async (_, bytes, format) => {
  writeDump(input, bytes());
  await filterFile(input, output, { format });
  expect(readFileSync(output).includes(mark)).toBe(false);
  const filtered = openDump(output);
  filtered.close();
  const sizes = filtered.notes.map(({ name, desc }) => [name, desc.length]);
  expect(sizes).toContainEqual(["QEMU", 440]);
  expect(sizes).not.toContainEqual(["CORE", 144]);
  expect(filtered.vmcoreinfo?.text).toBe(kernel.vmcoreinfo);
});
