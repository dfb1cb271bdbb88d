/** An architecture is a file and a row: what each row says, and that nothing else asks which architecture a dump is of. */
import { describe, expect, test } from "vitest";
import { moduleRange } from "../../../src/filter/privacy/module-range.js";
import { withoutPrivateNotes, withoutUserRegisters } from "../../../src/filter/privacy/private-notes.js";
import { registerFrame, userRegisters } from "../../../src/filter/privacy/register-frame.js";
import { stackMark, taskStack } from "../../../src/filter/privacy/thread-stack.js";
import { vectorRegisters, vectorsApart, vectorsOnStacks } from "../../../src/filter/privacy/vector-registers.js";
import { archSupport } from "../../../src/kernel/arch/archs.js";
import type { KernelTypes } from "../../../src/kernel/debuginfo/kernel-types.js";
import { kernelVersion } from "../../../src/kernel/version.js";
import { type Arch, allMachines, machineNamed } from "../../../src/reader/machine.js";
import { type Note, NT_PRSTATUS } from "../../../src/reader/notes.js";
import { parseVmcoreinfo } from "../../../src/reader/vmcoreinfo.js";
import { Warnings } from "../../../src/warnings.js";
import { sourceFiles } from "../../house/source-files.js";
import { BASE, machine } from "../../support/fake-machine.js";

const NOW = kernelVersion(6, 12);
const names = allMachines().map(({ arch }) => arch);

function machineOf(arch: Arch) {
  const machine = machineNamed(arch);
  if (machine === undefined) throw new Error(`no machine ${arch}`);
  return machine;
}

const sources = sourceFiles();
/** What files say of machines: ELF and kdump headers; the machine types and registers of hypervisors, in their own words; formats of one machine alone. */
const OF_FILES =
  /^src\/reader\/(machine\.ts|cpu-notes\/|qemu-migration\/(hints|machines|registers)\.ts|vmware\/guest\.ts|microvm\/state-head\.ts|s390-dump\/open\.ts|sadump\/open\.ts|xen\/open\.ts)/;
/** Modules of src/ outside of kernel/arch/, but those. */
const outside = sources.filter(({ path }) => !path.startsWith("src/kernel/arch/") && !OF_FILES.test(path));

test("no file outside of kernel/arch has the name of an architecture, but those that read what files say of machines", () => {
  const quoted = new RegExp(`["'\`](${names.join("|")}|ppc64le|aarch64)["'\`]`);
  expect(outside.length).toBeGreaterThan(300);
  const found = outside.flatMap(({ path, lines }) =>
    lines.filter((line) => quoted.test(line)).map((line) => `${path}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});

test("no file outside of kernel/arch imports a machine's own files", () => {
  const own = new RegExp(`^src/kernel/arch/(${names.join("|")})[./]`);
  const found = outside.flatMap(({ path, imports }) =>
    imports.filter((target) => own.test(target)).map((target) => `${path} imports ${target}`),
  );
  expect(found).toEqual([]);
});

test("every machine that dumps come from has a row, but 32-bit RISC-V, of which no dump has been seen", () => {
  expect(names.filter((arch) => archSupport(arch) === undefined)).toEqual(["riscv32"]);
});

test("in archs.ts an architecture is a row of its own file", () => {
  const archs = sources.find(({ path }) => path === "src/kernel/arch/archs.ts");
  const rows = (archs?.lines ?? []).filter((line) => /^ {2}\w+: [A-Z0-9_]+,$/.test(line));
  expect(rows).toHaveLength(names.length - 1);
  const files = (archs?.imports ?? []).filter((path) => /\/(row|[a-z]+\d+|mips)\.ts$/.test(path));
  // 32-bit and 64-bit MIPS share one.
  expect(files).toHaveLength(rows.length - 1);
});

/** What is so of each: bytes of a stack in pages of 4 KiB, and the first kernel without struct thread_info on it. */
const STACKS: readonly (readonly [arch: Arch, pages: number, since: number | undefined])[] = [
  ["x86_64", 4, kernelVersion(4, 9)],
  ["i386", 2, kernelVersion(4, 9)],
  ["arm64", 4, kernelVersion(4, 10)],
  ["arm", 2, kernelVersion(5, 18)],
  ["s390x", 4, kernelVersion(4, 11)],
  ["riscv64", 4, 0],
  ["ppc64", 4, kernelVersion(5, 1)],
  ["ppc32", 2, kernelVersion(5, 1)],
  ["loongarch64", 4, undefined],
  ["mips64", 4, undefined],
  ["mips", 2, undefined],
  ["sparc64", 4, undefined],
  ["ia64", 8, undefined],
  ["riscv32", 4, undefined],
];

describe("stacks", () => {
  test.each(STACKS)("%s", (arch, pages, since) => {
    const machine = machineOf(arch);
    const mark = (version: number) => stackMark(machine, 4096, taskStack(machine, version));
    expect(mark(NOW).pages).toBe(pages);
    expect(mark(since ?? NOW).within === machine.wordSize).toBe(since !== undefined);
    if (since !== undefined && since > 0) expect(mark(since - 1).within).toBe(2048);
  });

  test("x86-64 has 8 KiB until 3.14", () => {
    expect(taskStack(machineOf("x86_64"), kernelVersion(3, 14)).bytes).toBe(8192);
    expect(taskStack(machineOf("x86_64"), kernelVersion(3, 15)).bytes).toBe(16384);
  });

  test.each([
    ["KASAN", "x86_64", { __start_init_stack: 0x8000n, __end_init_stack: 0x10000n }, 32768],
    ["pages of 64 KiB", "arm64", { __start_init_stack: 0x10000n, __end_init_stack: 0x20000n }, 65536],
    ["4.16 to 6.10", "x86_64", { __start_init_task: 0x8000n, __end_init_task: 0x10000n }, 32768],
    ["symbols that cannot be", "x86_64", { __start_init_stack: 0x8000n, __end_init_stack: 0x8008n }, 16384],
    ["no such symbols", "ppc64", {}, 16384],
  ] as const)("the kernel's own names go before its version: %s", (_, arch, symbols, bytes) => {
    const known = new Map<string, bigint>(Object.entries(symbols));
    const task = (...names: string[]): Parameters<typeof taskStack>[2] => ({
      symbols: {
        source: "",
        address: (name) => known.get(name),
        addresses: () => [],
        matching: () => [],
        endingIn: () => [],
        nearest: () => undefined,
      },
      types: {
        ...{ source: "", sizeOf: () => undefined, member: () => undefined, scalars: () => undefined },
        ...{ enumerator: () => undefined, variable: () => undefined },
        members: () => names.map((name) => ({ name, offset: 0, size: 8 })) as never,
      },
    });
    expect(taskStack(machineOf(arch), NOW, task("thread_info", "comm"))).toEqual({ bytes, hasThreadInfo: false });
    // A kernel that calls itself new, and has struct thread_info on the stack all the same.
    expect(taskStack(machineOf(arch), NOW, task("stack", "comm")).hasThreadInfo).toBe(true);
  });
});

/** NT_PRSTATUS: its size, and the word that says user mode (offset, value in user mode, value in the kernel). */
const NOTES: readonly (readonly [arch: Arch, size: number, at: number, user: bigint, kernel: bigint])[] = [
  ["x86_64", 336, 112 + 17 * 8, 0x33n, 0x10n],
  ["i386", 144, 72 + 13 * 4, 0x73n, 0x60n],
  ["arm64", 392, 112 + 33 * 8, 0x8000_0000n, 0x6000_0005n],
  ["arm", 148, 72 + 16 * 4, 0x2000_0010n, 0x6000_0013n],
  ["s390x", 336, 112, 0x0705_2001_8000_0000n, 0x0404_c001_8000_0000n],
  ["ppc64", 504, 112 + 33 * 8, 0x8000_0000_0280_f033n, 0x8000_0000_0280_3033n],
  ["riscv64", 376, 112, 0x3f_0000_1000n, 0xffff_ffff_8000_1000n],
];

function noteOf(arch: Arch, size: number, at: number, word: bigint) {
  const machine = machineOf(arch);
  const area = new Uint8Array(size + 20).fill(0xaa);
  const desc = area.subarray(20);
  const view = new DataView(area.buffer, 20, size);
  if (machine.wordSize === 8) view.setBigUint64(at, word, machine.littleEndian);
  else view.setUint32(at, Number(word), machine.littleEndian);
  const note: Note = { name: "CORE", type: NT_PRSTATUS, desc, descOffset: 20 };
  return { machine, area, notes: [note] };
}

describe("registers in notes", () => {
  test.each(NOTES)(
    "%s: a CPU in user mode loses its registers, one in the kernel none",
    (arch, size, at, user, kernel) => {
      const lowest = arch === "riscv64" ? 0xffff_ffc0_0000_0000n : 0n;
      const inKernel = noteOf(arch, size, at, kernel);
      const kept = withoutUserRegisters(inKernel, inKernel.area, lowest);
      expect([kept.cleared, kept.noteArea]).toEqual([0, inKernel.area]);
      const inUser = noteOf(arch, size, at, user);
      const { cleared, noteArea } = withoutUserRegisters(inUser, inUser.area, lowest);
      expect(cleared).toBe(1);
      const stackPointer = archSupport(arch)?.noteStackPointer ?? 0;
      expect(noteArea[20 + stackPointer]).toBe(0);
      // The header of the note stays: signal, pid, times.
      const header = inUser.machine.wordSize === 8 ? 112 : 72;
      expect(noteArea.subarray(0, 20 + header)).toEqual(inUser.area.subarray(0, 20 + header));
    },
  );

  test.each(NOTES)("%s: a note that is too short for the word is left as it is", (arch, _size, at, user) => {
    const full = noteOf(arch, 512, at, user);
    const notes = full.notes.map((note) => ({ ...note, desc: note.desc.subarray(0, at) }));
    expect(withoutUserRegisters({ ...full, notes }, full.area, 1n << 63n).cleared).toBe(0);
  });

  test.each(["loongarch64", "mips64", "mips", "ppc32", "sparc64", "ia64", "riscv32"] as const)(
    "%s: not known",
    (arch) => {
      const { machine, notes, area } = noteOf(arch, 480, 112, 0n);
      expect(withoutUserRegisters({ machine, notes }, area, 1n << 63n).cleared).toBe(0);
    },
  );

  test("notes of vector registers are cleared on every machine, for a number has one meaning", () => {
    const types = [
      0x100, 0x102, 0x202, 0x309, 0x30a, 0x400, 0x405, 0x40b, 0x700, 0x802, 0x901, 0xa02, 0xa03, 0x46e62b7f,
    ];
    const noteArea = new Uint8Array(16 * types.length).fill(1);
    const notes = types.map((type, i) => ({
      ...{ name: "LINUX", type, descOffset: 16 * i },
      desc: noteArea.subarray(16 * i, 16 * i + 16),
    }));
    const clean = withoutPrivateNotes({ notes, noteArea });
    expect([clean.cleared, clean.noteArea.every((byte) => byte === 0)]).toEqual([types.length, true]);
  });
});

/** Bytes of struct pt_regs by kernel. */
const FRAMES: readonly (readonly [arch: Arch, version: number, sizes: readonly number[] | undefined])[] = [
  ["x86_64", NOW, [168]],
  ["i386", NOW, [68]],
  ["arm64", kernelVersion(5, 10), [336]],
  ["arm64", kernelVersion(5, 9), [320]],
  ["arm64", kernelVersion(4, 13), [304]],
  ["arm64", kernelVersion(4, 6), [288]],
  ["arm", NOW, [72]],
  ["s390x", NOW, [192, 184, 176, 200, 208]],
  ["riscv64", NOW, [288]],
  ["loongarch64", NOW, [320]],
  ["ppc64", NOW, undefined],
  ["ppc32", NOW, undefined],
  ["mips64", NOW, undefined],
  ["sparc64", NOW, undefined],
];

test.each(FRAMES)("%s, frame of a program's registers, kernel %i", (arch, version, sizes) => {
  const frame = registerFrame(machineOf(arch), version, undefined);
  expect(frame?.sizes).toEqual(sizes);
  for (const [from, to] of frame?.clear ?? []) {
    expect(from).toBeLessThan(to);
    expect(to).toBeLessThanOrEqual(Math.min(...(sizes ?? [])));
  }
});

test("the size that types tell is rounded up as the stack has it, but on x86-64", () => {
  const of = (arch: Arch, size: number) => registerFrame(machineOf(arch), NOW, size)?.sizes;
  expect([of("x86_64", 184), of("arm64", 344), of("ppc64", 344), of("s390x", 196), of("i386", 69)]).toEqual([
    [184],
    [352],
    [352],
    [200],
    [72],
  ]);
  const frame = registerFrame(machineOf("ppc64"), NOW, 400);
  if (frame === undefined) throw new Error("no frame");
  expect(userRegisters(new DataView(new ArrayBuffer(4096)), frame)[0]).toEqual([4096 - 400, 4096 - 400 + 264]);
});

test("whole addresses of what page tables index", () => {
  const whole = (arch: Arch, address: bigint, bits: number) => archSupport(arch)?.wholeAddress?.(address, bits);
  expect(whole("x86_64", 0x8880_0000_0000n, 48)).toBe(0xffff_8880_0000_0000n);
  expect(whole("x86_64", 0x1000n, 48)).toBe(0x1000n);
  expect(whole("arm64", 0x1000n, 48)).toBe(0xffff_0000_0000_1000n);
  expect(whole("riscv64", 0x40_0000_0000n, 39)).toBe(0xffff_ffc0_0000_0000n);
  expect(whole("ppc64", 0x8_0000_0000_0000n, 52)).toBe(0xc008_0000_0000_0000n);
  expect(whole("ia64", 0x1000n, 46)).toBe(0xa000_0000_0000_1000n);
  for (const arch of ["i386", "arm", "s390x", "sparc64"] as const) expect(whole(arch, 0x1000n, 32)).toBeUndefined();
});

test("modules have a range of their own on x86-64 and ARM, else where VMCOREINFO says", () => {
  const info = (text: string) => parseVmcoreinfo(`OSRELEASE=6.12.0\n${text}`, new Warnings());
  const exported = info("NUMBER(MODULES_VADDR)=0xffff800080000000\nNUMBER(MODULES_END)=0xffff800088000000\n");
  const x86 = { arch: "x86_64", root: 0, levels: 4, smeMask: 0n } as const;
  const end = 0xffff_ffff_ff00_0000n;
  expect(moduleRange(x86, info(""))).toEqual({ start: 0xffff_ffff_a000_0000n, end, mayOverflow: false });
  const kaslr = info("NUMBER(KERNEL_IMAGE_SIZE)=1073741824\n");
  expect(moduleRange(x86, kaslr)).toEqual({ start: 0xffff_ffff_c000_0000n, end, mayOverflow: false });
  const arm = { arch: "arm", root: 0, lpae: false, pageOffset: 0xc000_0000n, physOffset: 0 } as const;
  expect(moduleRange(arm, exported)).toEqual({ start: 0xbf00_0000n, end: 0xc000_0000n, mayOverflow: true });
  const riscv = { arch: "riscv64", root: 0, vaBits: 39 } as const;
  expect(moduleRange(riscv, exported)).toEqual({
    start: 0xffff_8000_8000_0000n,
    end: 0xffff_8000_8800_0000n,
    mayOverflow: true,
  });
  expect(moduleRange(riscv, info(""))).toBeUndefined();
});

/** A task_struct of 4096 bytes in a cache of objects of 8192, with these members, and struct fpu behind it. */
function typesWith(members: Readonly<Record<string, number>>): KernelTypes {
  return {
    sizeOf: (type: string) => (type === "task_struct" ? 4096 : undefined),
    member: (type: string, path: string) => {
      const offset = members[`${type}.${path}`];
      return offset === undefined ? undefined : { offset, size: 512 };
    },
  } as unknown as KernelTypes;
}

/** Where a task's vector registers are, by the names that its kernel has. */
const VECTORS: readonly (readonly [arch: Arch, members: Record<string, number>, pieces: readonly number[][]])[] = [
  ["x86_64", { "task_struct.thread.fpu.state": 3000 }, [[3000, 8192]]],
  ["x86_64", { "task_struct.thread.fpu.__fpstate.regs": 3500, "fpu.__fpstate.regs": 64 }, [[3500, 8192]]],
  ["x86_64", { "fpu.__fpstate.regs": 64 }, [[4160, 8192]]],
  ["i386", { "task_struct.thread.fpu.state": 3000 }, [[3000, 8192]]],
  ["arm64", { "task_struct.thread.uw": 2000 }, [[2000, 2512]]],
  [
    "arm",
    { "task_struct.thread_info.vfpstate": 100, "task_struct.thread_info.fpstate": 700 },
    [
      [100, 612],
      [700, 1212],
    ],
  ],
  [
    "s390x",
    { "task_struct.thread.ufpu.vxrs": 2000, "task_struct.thread.acrs": 2600 },
    [
      [2000, 2512],
      [2600, 3112],
    ],
  ],
  [
    "ppc64",
    { "task_struct.thread.fp_state": 2000, "task_struct.thread.ckpt_regs": 3000 },
    [
      [2000, 2512],
      [3000, 3512],
    ],
  ],
  ["ppc32", { "task_struct.thread.vr_state": 2000 }, [[2000, 2512]]],
  ["ppc64", { "task_struct.thread.vr": 2000 }, [[2000, 2512]]],
  ["riscv64", { "task_struct.thread.fstate": 2000 }, [[2000, 2512]]],
  ["mips64", { "task_struct.thread.fpu.fpr": 2000 }, [[2000, 2512]]],
  ["loongarch64", { "task_struct.thread.fpu.fpr": 2000 }, [[2000, 2512]]],
  ["sparc64", { "task_struct.thread.fpu.fpr": 2000 }, []],
];

test.each(VECTORS)("%s: saved vector registers, %o", (arch, members, pieces) => {
  expect(vectorRegisters(typesWith(members), 8192, archSupport(arch)?.vectorRegisters)).toEqual(pieces);
});

test("arm until 5.15: they are at the begin of kernel stacks", () => {
  const types = { "task_struct.stack": [16, 8], "thread_info.vfpstate": [100, 288] } as const;
  const guest = machine({}, types);
  guest.point(0x1010, 0x4000);
  const tasks = [0x1000, 0x2000].map((at) => BASE + BigInt(at));
  const support = archSupport("arm")?.vectorRegisters;
  expect(vectorsOnStacks(guest.kernel, tasks, support)).toEqual([{ address: BASE + 0x4064n, length: 288 }]);
  const inTask = machine({}, { ...types, "task_struct.thread_info.vfpstate": [100, 288] });
  expect(vectorsOnStacks(inTask.kernel, tasks, support)).toEqual([]);
});

test.each([
  ["arm64", "thread.sve_state"],
  ["arm64", "thread.sme_state"],
  ["riscv64", "thread.vstate.datap"],
  ["x86_64", "thread.fpu.state"],
  ["i386", "thread.xstate"],
  ["s390x", "thread.fpu.vxrs"],
] as const)("%s: vector registers in memory of their own, %s", (arch, path) => {
  const guest = machine({}, { [`task_struct.${path}`]: [16, 8] });
  guest.point(0x1010, 0x4000);
  const tasks = [0x1000, 0x2000].map((at) => BASE + BigInt(at));
  expect(vectorsApart(guest.kernel, tasks, archSupport(arch)?.vectorRegisters)).toEqual([BASE + 0x4000n]);
  expect(vectorsApart(guest.kernel, tasks, archSupport("mips64")?.vectorRegisters)).toEqual([]);
  // What lies behind the pointer in the task is no register.
  expect(vectorRegisters(guest.kernel.types, 8192, archSupport(arch)?.vectorRegisters)).toEqual([]);
});
