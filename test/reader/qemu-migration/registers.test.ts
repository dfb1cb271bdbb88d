/** Registers in QEMU migration streams, by the description at their end. Of real machines they equal dump-guest-memory's: test/services/qemu.test.ts. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDump } from "../../../src/reader/open.js";
import { Warnings } from "../../../src/warnings.js";
import { temporaryFolder } from "../../support/filter.js";
import { type BuiltDevice, buildDevice, type DeviceField, x86Cpu } from "../../support/migration-device.js";
import { buildMigration, type StreamOptions } from "../../support/migration-stream.js";

const folder = temporaryFolder();
const path = join(folder, "stream");

function open(devices: readonly BuiltDevice[], more: Partial<StreamOptions> = {}, block = "pc.ram") {
  const options: StreamOptions = {
    blocks: [{ name: block, length: 1 << 20 }],
    parts: [[]],
    devices: devices.map(({ section }) => section),
    description: { page_size: 4096, devices: devices.map(({ described }) => described) },
    ...more,
  };
  writeFileSync(path, buildMigration(options));
  const warnings = new Warnings();
  const dump = openDump(path, warnings);
  dump.close();
  return { dump, warnings: warnings.list };
}

const prstatus = (desc: Uint8Array) => Buffer.from(desc);
const timer = buildDevice("timer", 0, [{ name: "ticks", size: 8, values: [1, 2] }]);

describe("x86", () => {
  test("each CPU has an NT_PRSTATUS and QEMU's own note, in the order of the CPUs", () => {
    const { dump, warnings } = open([timer, x86Cpu(1, 0x2000n), x86Cpu(0, 0x1000n)]);
    expect(warnings).toEqual([]);
    expect(dump.header.cpus).toBe(2);
    expect(dump.machine.arch).toBe("x86_64");
    expect(dump.notes.map(({ name, type, desc }) => [name, type, desc.length])).toEqual([
      ["CORE", 1, 336],
      ["CORE", 1, 336],
      ["QEMU", 0, 440],
      ["QEMU", 0, 440],
    ]);
    [0x1000n, 0x2000n].forEach((salt, cpu) => {
      const status = prstatus(dump.notes[cpu]?.desc as Uint8Array);
      expect(status.readUInt32LE(32)).toBe(cpu + 1);
      const register = (i: number) => status.readBigUInt64LE(112 + 8 * i);
      // r15, rbp, rax, rdi by QEMU's numbers 15, 5, 0, 7; rip; cs, fs_base; rsp; ds.
      expect([0, 4, 10, 14, 16].map(register)).toEqual([salt + 15n, salt + 5n, salt, salt + 7n, salt + 16n]);
      expect([17, 21, 19, 23].map(register)).toEqual([0x101n, salt * 0x1000n + 4n, salt + 4n, 0x103n]);
      const own = Buffer.from(dump.notes[cpu + 2]?.desc as Uint8Array);
      // cs, the IDT, cr3, kernel_gs_base.
      expect([own.readUInt32LE(152), own.readUInt32LE(156), own.readUInt32LE(160)]).toEqual([0x101, 0x1001, 0xa09b01]);
      expect(own.readBigUInt64LE(152 + 9 * 24 + 16)).toBe(salt * 0x1000n + 9n);
      expect(own.readBigUInt64LE(392 + 3 * 8)).toBe(salt * 0x100n + 3n);
      expect(own.readBigUInt64LE(432)).toBe(salt + 99n);
    });
  });

  test("CPUs that run 32-bit code: i386's note, as dump-guest-memory writes it", () => {
    const { dump } = open([x86Cpu(0, 0x1000n, false)]);
    expect(dump.machine.arch).toBe("i386");
    expect(dump.notes.map(({ desc }) => desc.length)).toEqual([144, 440]);
    const status = prstatus(dump.notes[0]?.desc as Uint8Array);
    // ebx, eax, eip, esp.
    expect([0, 6, 12, 15].map((i) => status.readUInt32LE(72 + 4 * i))).toEqual([0x1003, 0x1000, 0x1010, 0x1004]);
  });
});

const list = (name: string, size: 4 | 8, count: number, first: number): DeviceField => ({
  name,
  size,
  values: Array.from({ length: count }, (_, i) => first + i),
});

test.each([
  {
    ...{ block: "mach-virt.ram", machine: "virt-7.2", arch: "arm64", size: 392 },
    fields: [list("env.xregs", 8, 32, 1000), list("env.pc", 8, 1, 2000), list("cpsr", 4, 1, 3000)],
    expected: [
      [0, 1000],
      [31, 1031],
      [32, 2000],
      [33, 3000],
    ],
  },
  {
    ...{ block: "riscv_virt_board.ram", machine: "virt", arch: "riscv64", size: 376 },
    fields: [list("env.gpr", 8, 32, 1000), list("env.pc", 8, 1, 2000), list("env.mhartid", 8, 1, 0)],
    expected: [
      [0, 2000],
      [1, 1001],
      [31, 1031],
    ],
  },
  {
    ...{ block: "loongarch.ram", machine: "virt-9.0", arch: "loongarch64", size: 480 },
    fields: [
      list("env.gpr", 8, 32, 1000),
      list("env.CSR_ERA", 8, 1, 2000),
      list("env.CSR_BADV", 8, 1, 3000),
      list("env.CSR_PGDH", 8, 1, 0),
    ],
    expected: [
      [31, 1031],
      [33, 2000],
      [34, 3000],
    ],
  },
  {
    ...{ block: "ppc_spapr.ram", machine: "pseries-7.2", arch: "ppc64", size: 504 },
    fields: [
      list("env.gpr", 8, 32, 1000),
      list("env.crf", 4, 8, 1),
      list("env.nip", 8, 1, 2000),
      list("env.spr", 8, 1024, 5000),
      list("env.msr", 8, 1, 3000),
    ],
    expected: [
      [31, 1031],
      [32, 2000],
      [33, 3000],
      [35, 5009],
      [36, 5008],
      [37, 5001],
      [38, 0x12345678],
    ],
  },
] as const)("$arch", ({ block, machine, arch, size, fields, expected }) => {
  const { dump, warnings } = open([buildDevice("cpu", 0, fields)], { machine }, block);
  expect(warnings).toEqual([]);
  expect(dump.machine.arch).toBe(arch);
  expect(dump.notes.map(({ desc }) => desc.length)).toEqual([size]);
  const status = prstatus(dump.notes[0]?.desc as Uint8Array);
  const big = !dump.machine.littleEndian;
  const at = (i: number) => Number(big ? status.readBigUInt64BE(112 + 8 * i) : status.readBigUInt64LE(112 + 8 * i));
  expect(expected.map(([i]) => [i, at(i)])).toEqual(expected);
});

test("s390x: all notes of a CPU, with its prefix and control registers", () => {
  const vector = (from: number, to: number, half: number): DeviceField[] =>
    Array.from({ length: to - from }, (_, i) =>
      list(`env.vregs[${from + i}][${half}]`, 8, 1, 7000 + 100 * half + from + i),
    );
  const cpu = buildDevice(
    "cpu",
    0,
    [
      ...[list("env.regs", 8, 16, 1000), list("env.psw.mask", 8, 1, 2000), list("env.psw.addr", 8, 1, 3000)],
      ...[
        list("env.psa", 8, 1, 0x4000),
        list("env.todpr", 4, 1, 55),
        list("env.cputm", 8, 1, 66),
        list("env.ckc", 8, 1, 77),
      ],
      ...[list("env.aregs", 4, 16, 100), list("env.cregs", 8, 16, 5000)],
    ],
    {
      "cpu/fpu": [...vector(0, 16, 0), list("env.fpc", 4, 1, 88)],
      "cpu/vregs": [...vector(16, 32, 0), ...vector(0, 32, 1)],
    },
  );
  const { dump } = open([cpu], { machine: "s390-ccw-virtio-7.2" }, "s390.ram");
  const found = dump.notes.map(({ name, type, desc }) => [name, type, desc.length]);
  expect(found).toEqual([
    ["CORE", 1, 336],
    ["CORE", 2, 136],
    ["LINUX", 0x305, 4],
    ["LINUX", 0x304, 128],
    ["LINUX", 0x301, 8],
    ["LINUX", 0x302, 8],
    ["LINUX", 0x303, 4],
    ["LINUX", 0x309, 128],
    ["LINUX", 0x30a, 256],
  ]);
  const of = (i: number) => Buffer.from(dump.notes[i]?.desc as Uint8Array);
  expect([0, 1, 2, 17].map((i) => Number(of(0).readBigUInt64BE(112 + 8 * i)))).toEqual([2000, 3000, 1000, 1015]);
  expect([of(0).readUInt32BE(256), of(0).readUInt32BE(316)]).toEqual([100, 115]);
  expect([of(1).readUInt32BE(0), of(2).readUInt32BE(0), of(6).readUInt32BE(0)]).toEqual([88, 0x4000, 55]);
  expect(of(8).readBigUInt64BE(8 * 3)).toBe(7117n);
});

test("where a PC's memory is split is what its firmware reads in the CMOS", () => {
  const cmos = new Array<number>(128).fill(0);
  // 1 GiB below, less 16 MiB, and 1 GiB above: units of 64 KiB.
  [cmos[0x34], cmos[0x35]] = [0x00, 0x3f];
  [cmos[0x5b], cmos[0x5c], cmos[0x5d]] = [0x00, 0x40, 0x00];
  const clock = buildDevice("mc146818rtc", 0, [{ name: "cmos_data", size: 1, values: cmos }]);
  const blocks = [{ name: "pc.ram", length: 2 ** 31 }];
  const { dump } = open([clock], { blocks });
  expect(dump.ranges).toEqual([
    { start: 0, end: 2 ** 30 },
    { start: 2 ** 32, end: 2 ** 32 + 2 ** 30 },
  ]);
  // What does not add up is not believed.
  cmos[0x5c] = 0x41;
  const wrong = buildDevice("mc146818rtc", 0, [{ name: "cmos_data", size: 1, values: cmos }]);
  expect(open([wrong], { blocks }).dump.ranges).toEqual([{ start: 0, end: 2 ** 31 }]);
});

describe("a description that does not fit", () => {
  const skeys: BuiltDevice = {
    section: { name: "s390-skeys", data: Buffer.alloc(300, 0x7e) },
    described: { name: "other" },
  };

  test("of another device: its section is passed over", () => {
    expect(open([skeys, x86Cpu(0, 1n)]).dump.header.cpus).toBe(1);
    const short = { section: timer.section, described: { ...timer.described, fields: [] } };
    expect(open([short, x86Cpu(0, 1n)]).dump.header.cpus).toBe(1);
  });

  test("of a CPU that lacks a register: no notes at all, and a warning", () => {
    const cpu = buildDevice("cpu", 1, [
      { name: "env.regs", size: 8, values: [1, 2] },
      { name: "env.sysenter_eip", size: 8, values: [0] },
    ]);
    const { dump, warnings } = open([x86Cpu(0, 1n), cpu]);
    expect(dump.notes).toEqual([]);
    expect(warnings).toMatchObject([{ code: "NOTE", count: 1 }]);
  });

  const x86 = x86Cpu(0, 1n);
  const deep = JSON.parse(`${'{"fields":[{"name":"a","size":1,"struct":'.repeat(500)}{}${"}]}".repeat(500)}`);
  test.each<readonly [string, object]>([
    ["no list of devices", { devices: 7 }],
    ["devices that are none", { devices: [1, null, "x", []] }],
    [
      "sizes that are none",
      {
        devices: [
          {
            ...x86.described,
            fields: [
              { name: "env.regs", size: -8 },
              { name: "x", size: 2 ** 60 },
            ],
          },
        ],
      },
    ],
    ["an array without end", { devices: [{ ...x86.described, fields: [{ name: "a", size: 0, array_len: 2 ** 50 }] }] }],
    [
      "a struct of nothing, without end",
      { devices: [{ ...x86.described, fields: [{ name: "a", array_len: 2 ** 50, struct: { fields: [] } }] }] },
    ],
    ["parts of parts of parts", { devices: [{ ...x86.described, ...deep }] }],
    [
      "names of what every object has",
      { devices: [{ ...x86.described, fields: [{ name: "__proto__", size: 8, struct: "toString" }] }] },
    ],
  ])("%s: the memory is read all the same", (_, description) => {
    const found = [];
    try {
      found.push(open([x86], { description }).dump);
    } catch (error) {
      expect(error).toMatchObject({ code: "TRUNCATED" });
      return;
    }
    expect(found[0]?.ranges).toEqual([{ start: 0, end: 1 << 20 }]);
    expect(found[0]?.header.cpus).toBe(0);
  });
});
