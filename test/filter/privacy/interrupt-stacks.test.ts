/** What interrupts that have ended left on their stacks, and what audit keeps with tasks. */
import { expect, test } from "vitest";
import { auditTexts } from "../../../src/filter/privacy/audit-texts.js";
import { interruptStacks } from "../../../src/filter/privacy/interrupt-stacks.js";
import { endedCalls } from "../../../src/filter/privacy/old-frames.js";
import { watchedKernel } from "../../../src/filter/privacy/watched-kernel.js";
import type { Dump } from "../../../src/reader/dump.js";
import { BASE, machine, piecesOf, space } from "../../support/fake-machine.js";

const NO_STACKS = { tasks: [], mapped: [], owned: new Set<bigint>() };

const at = (address: number) => BASE + BigInt(address);
/** The stacks are at 0x4000 and 0x8000. */
const CPUS = { irq_stack_backing_store: 0x3000n, __per_cpu_offset: 0x100, __cpu_possible_mask: 0x140, init_task: 0 };

/** Two CPUs, whose own variables begin at 0x1000 and 0x5000. */
function twoCpus(
  symbols: Readonly<Record<string, number | bigint>>,
  types: Readonly<Record<string, readonly [number, number]>>,
  without = {},
) {
  const made = machine({ ...CPUS, ...symbols, ...without }, { irq_stack: [0, 0x4000], ...types });
  made.word(0x100, at(0x1000));
  made.word(0x108, at(0x5000));
  made.word(0x140, 3n);
  return made;
}

const FORMS = {
  "a counter (until 5.12)": {
    symbols: { hardirq_stack_ptr: 0x40n, irq_count: 0x48n },
    types: {},
    idle: 0xffff_ffff,
    used: 0,
  },
  "variables (5.13, 6.15)": {
    symbols: { hardirq_stack_ptr: 0x40n, hardirq_stack_inuse: 0x48n },
    types: {},
    idle: 0,
    used: 1,
  },
  "struct pcpu_hot (6.2)": {
    symbols: { pcpu_hot: 0x30n },
    types: { "pcpu_hot.hardirq_stack_ptr": [0x10, 8], "pcpu_hot.hardirq_stack_inuse": [0x18, 1] },
    idle: 0,
    used: 1,
  },
} as const;

for (const [name, { symbols, types, idle, used }] of Object.entries(FORMS)) {
  test(`stacks of interrupts, by ${name}: all of one that is not in use, of the other what lies below the CPU's pointer`, () => {
    const { kernel, view, point } = twoCpus(symbols, types);
    point(0x1040, 0x8000 - 8);
    view.setUint32(0x1048, idle, true);
    point(0x5040, 0xc000 - 8);
    view.setUint32(0x5048, used, true);
    const pieces = (cpu: number, pointer: bigint | undefined) => {
      const watched = watchedKernel(kernel);
      const found = interruptStacks(space, watched.kernel, [{ cpu, pointer }]);
      return { pieces: piecesOf(found?.list as never), cut: watched.cut };
    };
    const whole = [0x4000, 0x7ff8];
    expect(pieces(1, at(0xb000))).toEqual({ pieces: [whole, [0x8000, 0xb000]], cut: false });
    // It is in use, and nothing says how far: the CPU is elsewhere, or in a program, or it is another CPU's pointer.
    for (const [cpu, pointer] of [
      [1, at(0x500)],
      [1, undefined],
      [0, at(0xb000)],
    ] as const)
      expect(pieces(cpu, pointer)).toEqual({ pieces: [whole], cut: true });
    // A pointer that leads to other memory than the CPU's own stack.
    point(0x1040, 0x10000 - 8);
    expect(pieces(1, at(0xb000))).toEqual({ pieces: [[0x8000, 0xb000]], cut: true });
  });
}

test("stacks of interrupts until 5.1 are a variable that begins with what guards calls", () => {
  const types = { irq_stack_union: [0, 0x4000] } as const;
  const { kernel, view, point } = twoCpus({ irq_stack_ptr: 0x40n, irq_count: 0x48n, irq_stack_union: 0x3000n }, types, {
    irq_stack_backing_store: undefined,
  });
  point(0x1040, 0x8000 - 64);
  view.setUint32(0x1048, 0xffff_ffff, true);
  point(0x5040, 0xc000);
  expect(piecesOf(interruptStacks(space, kernel, [{ cpu: 1, pointer: at(0xb000) }])?.list as never)).toEqual([
    [0x4030, 0x7ff8],
    [0x8030, 0xb000],
  ]);
});

test("stacks of interrupts of other machines (arm64, riscv, POWER) are not searched, and the result says so", () => {
  const types = {
    "task_struct.stack": [0, 8],
    "task_struct.on_cpu": [8, 4],
    "task_struct.thread.cpu_context.sp": [16, 8],
  } as const;
  const dump = {
    machine: { arch: "aarch64", wordSize: 8, littleEndian: true },
    pageSize: 4096,
    notes: [],
  } as unknown as Dump;
  const stack = { bytes: 0x4000, hasThreadInfo: false };
  // With the kernel's variables, and where it lists functions only.
  for (const symbols of [{ init_task: 0, irq_stack_ptr: 0x40n }, {}])
    expect(endedCalls(space, machine(symbols, types).kernel, NO_STACKS, dump, stack)?.interrupts).toBe(false);
  const { kernel } = twoCpus({ hardirq_stack_ptr: 0x40n, hardirq_stack_inuse: 0x48n }, types);
  expect(endedCalls(space, kernel, NO_STACKS, dump, stack)?.interrupts).toBe(true);
});

test("machines without such stacks have none; where nothing says where they are, that is said", () => {
  expect(interruptStacks(space, machine({ init_task: 0 }, { irq_stack: [0, 0x4000] }).kernel, [])?.objects).toBe(0);
  expect(interruptStacks(space, machine({}, { irq_stack: [0, 0x4000] }).kernel, [])).toBeUndefined();
  expect(interruptStacks(space, twoCpus({}, {}).kernel, [])).toBeUndefined();
  // Frames of tasks are found nevertheless.
  const types = {
    "task_struct.stack": [0, 8],
    "task_struct.on_cpu": [8, 4],
    "task_struct.thread.sp": [16, 8],
  } as const;
  const { kernel } = twoCpus({}, types);
  let cut = false;
  const dump = {
    machine: { arch: "x86_64", wordSize: 8, littleEndian: true },
    pageSize: 4096,
    notes: [],
  } as unknown as Dump;
  const found = endedCalls(space, { ...kernel, incomplete: () => (cut = true) }, NO_STACKS, dump, {
    bytes: 0x4000,
    hasThreadInfo: false,
  });
  expect([found?.objects, cut]).toEqual([0, true]);
});

test("audit: the command line of a task whose call it reported, and the last address, whatever their lengths are", () => {
  const { kernel, point } = machine(
    {},
    {
      "task_struct.audit_context": [0, 8],
      "audit_context.proctitle.value": [8, 8],
      "audit_context.sockaddr": [16, 8],
    },
  );
  point(0x1000, 0x3000);
  point(0x3008, 0x5000);
  point(0x3010, 0x6000);
  const found = auditTexts(space, kernel, [at(0x1000), at(0x1100)]);
  expect(found.objects).toBe(2);
  expect(piecesOf(found.list)).toEqual([
    [0x5000, 0x5080],
    [0x6000, 0x6080],
  ]);
});
