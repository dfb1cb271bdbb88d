/** VMware's saved states: where memory is found, registers become notes, and what is wrong is named. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Dump } from "../../../src/reader/dump.js";
import { openDump } from "../../../src/reader/open.js";
import type { OpenOptions } from "../../../src/reader/open-sources.js";
import { Warnings } from "../../../src/warnings.js";
import { patternBytes } from "../../support/bytes.js";
import { temporaryFolder } from "../../support/filter.js";
import { failureOf } from "../../support/open.js";
import { buildVmwareGuest, buildVmwareState, type GuestOptions, type VmwareCpu } from "../../support/vmware-image.js";

const folder = temporaryFolder();
const [state, memory] = [join(folder, "guest.vmss"), join(folder, "guest.vmem")];
const low = patternBytes("low ", 5 * 4096);
const high = patternBytes("high ", 3 * 4096);
const both = Buffer.concat([low, high]);
const regions = [
  { ppn: 0, page: 0, pages: 5 },
  { ppn: 0x10_0000, page: 5, pages: 3 },
];
const names = ["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"];
const cpu = (seed: number): VmwareCpu => ({
  registers: {
    ...Object.fromEntries(names.map((name, i) => [name, 0xffff_8000_0000_0000n + BigInt(seed * 100 + i)])),
    ...{
      rip: 0xffff_ffff_8100_0000n + BigInt(seed),
      cs: 0x10n,
      rflags: 0x246n,
      rsp: 0xffff_c900_0000_0000n,
      ss: 0x18n,
    },
    ...{ fs_base: 0n, gs_base: 0xffff_8880_0000_0000n + BigInt(seed) },
  },
  ...{ cr0: 0x8005_0033n, cr2: 0x1234n, cr3: 0x1000n * BigInt(seed + 1), cr4: 0x3506f0n, idt: 0xffff_fe00_0000_0000n },
});
const cpus = [cpu(0), cpu(1)];

beforeEach(() => {
  for (const path of [state, memory]) rmSync(path, { force: true });
});

function withFiles<T>(
  files: Readonly<Record<string, Uint8Array>>,
  named: readonly string[],
  use: (dump: Dump, warnings: Warnings) => T,
  options: OpenOptions = {},
): T {
  for (const [path, bytes] of Object.entries(files)) writeFileSync(path, bytes);
  const warnings = new Warnings();
  const dump = openDump(named, warnings, options);
  try {
    return use(dump, warnings);
  } finally {
    dump.close();
  }
}

/** All that the memory is to be, with both regions. */
function expectMemory({ ranges, memory: bytes }: Dump): void {
  expect(ranges).toEqual([
    { start: 0, end: low.length },
    { start: 0x1_0000_0000, end: 0x1_0000_0000 + high.length },
  ]);
  const into = Buffer.alloc(low.length);
  expect(bytes.read(into, 0)).toBe(low.length);
  expect(into.equals(low)).toBe(true);
  expect(bytes.read(into, 0x1_0000_0000)).toBe(high.length);
  expect(into.subarray(0, high.length).equals(high)).toBe(true);
}

function expectCpus(dump: Dump): void {
  expect(dump.header.cpus).toBe(2);
  expect(dump.notes.map(({ name, type, desc }) => [name, type, desc.length])).toEqual([
    ["CORE", 1, 336],
    ["CORE", 1, 336],
    ["QEMU", 0, 432],
    ["QEMU", 0, 432],
  ]);
  cpus.forEach(({ registers, cr3, idt }, i) => {
    const words = Buffer.from((dump.notes[i] as { desc: Uint8Array }).desc);
    expect(words.readUInt32LE(32)).toBe(i + 1);
    names.forEach((name, k) => {
      expect(words.readBigUInt64LE(112 + 8 * k), name).toBe(registers[name]);
    });
    expect(words.readBigUInt64LE(112 + 8 * 16)).toBe(registers["rip"]);
    expect(words.readBigUInt64LE(112 + 8 * 19)).toBe(registers["rsp"]);
    expect(words.readBigUInt64LE(112 + 8 * 22)).toBe(registers["gs_base"]);
    const qemu = Buffer.from((dump.notes[2 + i] as { desc: Uint8Array }).desc);
    expect([qemu.readUInt32LE(0), qemu.readUInt32LE(4)]).toEqual([1, 432]);
    expect(qemu.readBigUInt64LE(8 + 8 * 6)).toBe(registers["rsp"]);
    expect(qemu.readBigUInt64LE(152 + 9 * 24 + 16)).toBe(idt);
    expect(qemu.readBigUInt64LE(392 + 8 * 3)).toBe(cr3);
  });
}

describe("a saved state", () => {
  test.each([
    ["memory beside it", { [state]: buildVmwareState({ cpus, regions }), [memory]: both }, [state]],
    [
      "memory named with it",
      { [state]: buildVmwareState({ cpus, regions }), [join(folder, "x")]: both },
      [state, join(folder, "x")],
    ],
    [
      "memory named before it",
      { [state]: buildVmwareState({ cpus, regions }), [join(folder, "x")]: both },
      [join(folder, "x"), state],
    ],
    ["memory in it", { [state]: buildVmwareState({ cpus, regions, memory: both, pad: 37 }) }, [state]],
    [
      "registers in blocks, as older versions have them",
      { [state]: buildVmwareState({ cpus, regions, memory: both, blocks: true }) },
      [state],
    ],
    ["sizes of 32 bits", { [state]: buildVmwareState({ cpus, regions, memory: both, id: 0xbed2bed0 }) }, [state]],
    ["restored", { [state]: buildVmwareState({ cpus, regions, memory: both, id: 0xbad1bad1 }) }, [state]],
  ] as const)("%s", (_, files, named) => {
    withFiles(files, named, (dump, warnings) => {
      expectMemory(dump);
      expectCpus(dump);
      expect(dump.header).toMatchObject({ format: "vmware", incomplete: false });
      expect(warnings.list).toEqual([]);
    });
  });

  test("without regions memory lies at its place in the file", () => {
    withFiles({ [state]: buildVmwareState({ cpus }), [memory]: both }, [state], (dump) => {
      expect(dump.ranges).toEqual([{ start: 0, end: both.length }]);
      expectCpus(dump);
    });
  });

  test("a CPU whose registers are not all there: none of any, and a warning", () => {
    const files = { [state]: buildVmwareState({ cpus, regions, memory: both, without: ["rsp"] }) };
    withFiles(files, [state], (dump, warnings) => {
      expectMemory(dump);
      expect(dump.notes).toEqual([]);
      expect(warnings.list).toMatchObject([{ code: "NOTE", message: expect.stringContaining("registers of CPU 0") }]);
    });
  });

  test("a partial one is marked as incomplete", () => {
    withFiles(
      { [state]: buildVmwareState({ cpus, regions, memory: both, id: 0xbed3bed3 }) },
      [state],
      (dump, warnings) => {
        expect(dump.header.incomplete).toBe(true);
        expect(warnings.list).toMatchObject([{ code: "INCOMPLETE" }]);
      },
    );
  });

  test("memory that is longer than the state says", () => {
    const longer = Buffer.concat([both, low]);
    withFiles({ [state]: buildVmwareState({ cpus, regions }), [memory]: longer }, [state], (dump, warnings) => {
      expectMemory(dump);
      expect(warnings.list).toMatchObject([{ code: "MORE_BYTES", message: expect.stringContaining(memory) }]);
    });
  });

  test("memory that is cut off: named with its state, and salvaged as far as it goes", () => {
    const files = { [state]: buildVmwareState({ cpus, regions }), [memory]: both.subarray(0, 6 * 4096) };
    const failure = failureOf(() => withFiles(files, [state], () => undefined));
    expect(failure).toMatchObject({ code: "TRUNCATED", file: memory });
    expect(failure.what).toBe(`has ${6 * 4096} bytes of memory, but ${state} describes ${8 * 4096}`);
    const salvage = (dump: Dump, warnings: Warnings) => {
      expect(dump.ranges[1]).toEqual({ start: 0x1_0000_0000, end: 0x1_0000_1000 });
      expect(dump.header.incomplete).toBe(true);
      expect(warnings.list).toMatchObject([{ code: "CUT_OFF" }]);
    };
    withFiles(files, [state], salvage, { salvage: true });
  });

  test.each([
    [
      "no memory beside it",
      { [state]: buildVmwareState({ cpus, regions }) },
      [state],
      "NOT_READABLE",
      /guest\.vmem cannot be opened.*Give both files/,
    ],
    [
      "memory packed",
      { [state]: buildVmwareState({ memory: both, packed: true }) },
      [state],
      "UNSUPPORTED",
      /only VMware knows/,
    ],
    [
      "memory beside it packed with gzip",
      { [state]: buildVmwareState({ regions }), [memory]: Buffer.from("1f8b0800", "hex") },
      [state],
      "BAD_OPTION",
      /is packed, and was not named/,
    ],
    [
      "memory in it, and another file",
      { [state]: buildVmwareState({ memory: both }), [memory]: both },
      [state, memory],
      "BAD_OPTION",
      /another file was named/,
    ],
    [
      "regions that overlap",
      { [state]: buildVmwareState({ memory: both, regions: [regions[0], { ppn: 4, page: 5, pages: 1 }] as never }) },
      [state],
      "CORRUPT",
      /overlap/,
    ],
    [
      "two states",
      { [state]: buildVmwareState({ memory: both }), [memory]: buildVmwareState({ memory: both }) },
      [state, memory],
      "BAD_OPTION",
      /inputs were named/,
    ],
    [
      "a table of groups that ends too early",
      { [state]: buildVmwareState({ memory: both }).subarray(0, 100) },
      [state],
      "TRUNCATED",
      /table of groups/,
    ],
    [
      "cut in its registers",
      { [state]: buildVmwareState({ cpus, memory: both }).subarray(0, 19_300) },
      [state],
      "TRUNCATED",
      /list of values/,
    ],
    [
      "millions of groups",
      { [state]: Buffer.from("d2bed2be08000000ffffff00".padEnd(400, "0"), "hex") },
      [state],
      "CORRUPT",
      /groups of values/,
    ],
  ] as const)("%s", (_, files, named, code, says) => {
    const failure = failureOf(() => withFiles(files as unknown as Record<string, Uint8Array>, named, () => undefined));
    expect(failure.code).toBe(code);
    expect(failure.message).toMatch(says);
    expect(failure.file).toMatch(/guest\.vm(ss|em)$/);
  });
});

describe("a debug.guest", () => {
  const [guest, vmem] = [join(folder, "debug.guest"), join(folder, "debug.vmem")];
  const pieces = [
    { start: 0, data: low },
    { start: 0x1_0000_0000, data: high },
  ];
  const build = (options: Partial<GuestOptions> = {}) => ({
    [guest]: buildVmwareGuest({ version: 4, cpus, memory: pieces, ...options }),
    [vmem]: both,
  });

  test.each([1, 3, 4, 5, 6, 7] as const)("version %i", (version) => {
    withFiles(build({ version }), [guest], (dump, warnings) => {
      expectMemory(dump);
      expectCpus(dump);
      expect(dump.machine.arch).toBe("x86_64");
      expect(warnings.list).toEqual([]);
    });
  });

  test("of arm64: memory, and no registers", () => {
    withFiles(build({ version: 7, arch: 0 }), [guest, vmem], (dump) => {
      expectMemory(dump);
      expect(dump.machine.arch).toBe("arm64");
      expect(dump.notes).toEqual([]);
    });
  });

  test("without holes", () => {
    withFiles({ ...build({ memory: [{ start: 0, data: both }] }) }, [guest], (dump) => {
      expect(dump.ranges).toEqual([{ start: 0, end: both.length }]);
    });
  });

  test("what does not fit together", () => {
    const files = build();
    const longer = Buffer.concat([files[guest] as Uint8Array, Buffer.alloc(1)]);
    const failure = failureOf(() => withFiles({ ...files, [guest]: longer }, [guest], () => undefined));
    expect(failure).toMatchObject({ code: "CORRUPT", file: guest });
    const other = Buffer.from(files[guest] as Uint8Array);
    other.writeUInt32LE(77, 30);
    expect(failureOf(() => withFiles({ ...files, [guest]: other }, [guest], () => undefined)).message).toMatch(
      /has room for/,
    );
  });
});
