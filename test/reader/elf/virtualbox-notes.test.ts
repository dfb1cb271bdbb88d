/** Cores that VirtualBox writes (`dumpvmcore`): its own notes of CPUs become those that debuggers read, and stay. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDump } from "../../../src/reader/open.js";
import { buildElf } from "../../support/elf-image.js";
import { temporaryFolder } from "../../support/filter.js";

const path = join(temporaryFolder(), "core");
const CORE = { name: "VBCORE", type: 0xb00, desc: new Uint8Array(24) };

/** rax is 1, rbx 2 and so on; cs and gs have a selector and a base. */
function vbcpu(cpu: number, size = 1000) {
  const desc = Buffer.alloc(size);
  for (let i = 0; i < 18 && 8 * i + 8 <= size; i++) desc.writeBigUInt64LE(BigInt(100 * cpu + i + 1), 8 * i);
  if (size >= 320) {
    desc.writeUInt16LE(0x10, 144 + 16);
    desc.writeBigUInt64LE(0xffff_8880_0000_0000n, 144 + 4 * 24);
  }
  return { name: "VBCPU", type: 0xb01, desc };
}

const notesOf = (...cpus: ReturnType<typeof vbcpu>[]) => {
  writeFileSync(
    path,
    buildElf({
      loads: [
        { paddr: 0, data: new Uint8Array(4096) },
        { paddr: 0x10_0000, data: new Uint8Array(4096) },
      ],
      notes: [CORE, ...cpus],
    }),
  );
  const dump = openDump(path);
  dump.close();
  return dump;
};

test("each CPU gets NT_PRSTATUS", () => {
  const dump = notesOf(vbcpu(0), vbcpu(1));
  expect(dump.notes.map(({ name }) => name)).toEqual(["VBCORE", "VBCPU", "VBCPU", "CORE", "CORE"]);
  expect(dump.header.cpus).toBe(2);
  const words = dump.notes.slice(3).map(
    ({ desc }) =>
      (n: number) =>
        Buffer.from(desc).readBigUInt64LE(112 + 8 * n),
  );
  // r15, rax, rip, cs, rflags, rsp, gs_base in the order of user_regs_struct.
  expect([0, 10, 16, 17, 18, 19, 22].map((n) => words[0]?.(n))).toEqual([
    14n,
    1n,
    15n,
    0x10n,
    18n,
    16n,
    0xffff_8880_0000_0000n,
  ]);
  expect(words[1]?.(10)).toBe(101n);
});

test("notes that are too short are left as they are", () => {
  expect(notesOf(vbcpu(0), vbcpu(1, 200)).notes.map(({ name }) => name)).toEqual(["VBCORE", "VBCPU", "VBCPU"]);
});
