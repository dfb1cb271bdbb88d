/** What calls that have ended left on kernel stacks: below the stack pointers of tasks that do not run. */
import { describe, expect, test } from "vitest";
import type { MappedStack } from "../../../src/filter/privacy/kernel-pages.js";
import { endedCalls, oldFrames } from "../../../src/filter/privacy/old-frames.js";
import { watchedKernel } from "../../../src/filter/privacy/watched-kernel.js";
import type { Dump } from "../../../src/reader/dump.js";
import { BASE, machine, piecesOf, space } from "../../support/fake-machine.js";

const TYPES = {
  "task_struct.stack": [0, 8],
  "task_struct.on_cpu": [8, 4],
  "task_struct.thread.sp": [16, 8],
} as const;
const MARK = 0x57ac6e9dn;
const stack = {
  mark: { pages: 4, within: 8, wordSize: 8, littleEndian: true },
  bytes: 0x4000,
} as const;

function withTasks(types: Readonly<Record<string, readonly [number, number]>> = TYPES) {
  const made = machine({}, types);
  const task = (at: number, bottom: number, pointer: number, runs = false) => {
    made.point(at, bottom);
    made.view.setUint32(at + 8, runs ? 1 : 0, true);
    made.point(at + 16, pointer);
    made.word(bottom, MARK);
    return BASE + BigInt(at);
  };
  return { ...made, task };
}

test("from the mark at the end to the stack pointer, or a red zone below it; other tasks' stacks stay", () => {
  const { kernel, task, word } = withTasks();
  const tasks = [
    task(0x100, 0x4000, 0x7a00),
    task(0x200, 0x8000, 0xb000, true),
    // Nothing is below; a pointer into another stack; no stack.
    task(0x300, 0xc000, 0xc008),
    task(0x400, 0x10000, 0x15000),
    task(0x500, 0x18000, 0x19000),
  ];
  word(0x18000, 0n);
  const found = oldFrames(space, kernel, tasks, stack);
  expect(found?.objects).toBe(1);
  expect(piecesOf(found?.list as never)).toEqual([[0x4008, 0x7a00]]);
  const power = {
    ...TYPES,
    "task_struct.thread.ksp": TYPES["task_struct.thread.sp"],
    "task_struct.thread.sp": undefined,
  };
  const other = withTasks(power as unknown as typeof TYPES);
  const list = oldFrames(space, other.kernel, [other.task(0x100, 0x4000, 0x7a00)], stack)?.list;
  expect(piecesOf(list as never)).toEqual([[0x4008, 0x7800]]);
});

test("where the types do not have the stack pointer, or which tasks run, it is not known", () => {
  for (const name of Object.keys(TYPES)) {
    const { kernel, task } = withTasks(Object.fromEntries(Object.entries(TYPES).filter(([key]) => key !== name)));
    expect(oldFrames(space, kernel, [task(0x100, 0x4000, 0x7000)], stack), name).toBeUndefined();
  }
});

describe("tasks that run", () => {
  const types = { ...TYPES, "rq.idle": [24, 8], "rq.curr": [32, 8], pt_regs: [0, 168] } as const;
  const symbols = {
    ...{ init_task: 0x100, runqueues: 0x40n, __per_cpu_offset: 0x800 },
    ...{ __cpu_possible_mask: 0x840, __cpu_online_mask: 0x848 },
  };
  /** Where the own memory of each CPU begins. */
  const own = (cpu: number) => BASE + BigInt(0x1000 * (cpu + 1));
  const program = { inProgram: true, pointer: 0x7ffd_0000_1000n };
  const inKernel = (at: number) => ({ inProgram: false, pointer: BASE + BigInt(at) });

  interface Cpu {
    readonly inProgram: boolean;
    readonly pointer: bigint;
    /** The base of the kernel's own memory, if it is not that of this CPU. */
    readonly own?: bigint;
  }

  /** QEMU's note of a CPU: rsp, the selector of cs, the base of gs, and the one for the kernel. */
  function note({ inProgram, pointer, own: base }: Cpu, cpu: number) {
    const desc = new Uint8Array(440);
    const view = new DataView(desc.buffer);
    view.setBigUint64(56, pointer, true);
    view.setUint32(152, inProgram ? 0x33 : 0x10, true);
    // Programs set it as they like.
    view.setBigUint64(264, inProgram ? own(1 - cpu) : (base ?? own(cpu)), true);
    view.setBigUint64(432, inProgram ? (base ?? own(cpu)) : 0n, true);
    return { name: "QEMU", type: 0, desc };
  }

  /** Tasks at 0x100, 0x200 and 0x300 run, as far as the kernel says; 0x100 and 0x300 are the idle tasks of the CPUs. */
  function guest(curr: readonly number[], online = 3n) {
    const made = machine(symbols, types);
    const { view, word, point } = made;
    for (const [task, bottom] of [
      [0x100, 0x4000],
      [0x200, 0x8000],
      [0x300, 0xc000],
    ] as const) {
      point(task, bottom);
      view.setUint32(task + 8, curr.includes(task) || (task === 0x300 && online !== 3n) ? 1 : 0, true);
      point(task + 16, bottom + 8);
      word(bottom, MARK);
    }
    word(0x840, 3n);
    word(0x848, online);
    for (const [cpu, idle] of [0x100, 0x300].entries()) {
      word(0x800 + 8 * cpu, own(cpu));
      point(0x1000 * (cpu + 1) + 0x40 + 24, idle);
      point(0x1000 * (cpu + 1) + 0x40 + 32, curr[cpu] ?? idle);
    }
    return (
      cpus: readonly Cpu[],
      mapped: readonly MappedStack[] = [],
      owned: ReadonlySet<bigint> | null = new Set(),
    ) => {
      const watched = watchedKernel(made.kernel);
      const dump = {
        machine: { arch: "x86_64", wordSize: 8, littleEndian: true },
        ...{ pageSize: 4096, notes: cpus.map(note) },
      } as unknown as Dump;
      const tasks = [BASE + 0x100n, BASE + 0x200n];
      const found = endedCalls(space, watched.kernel, { tasks, mapped, owned: owned ?? undefined }, dump, {
        ...{ bytes: 0x4000, hasThreadInfo: false },
      });
      return { pieces: piecesOf(found?.list as never), cut: watched.cut };
    };
  }

  test("below the pointer of the CPU that a hypervisor stopped in it, also in the idle task of a CPU", () => {
    expect(guest([0x200, 0x300])([inKernel(0x9000), inKernel(0xf000)])).toEqual({
      pieces: [
        [0x8008, 0x9000],
        [0xc008, 0xf000],
      ],
      cut: false,
    });
  });

  test("all of a stack that is no task's: the kernel keeps those of ended tasks for the next ones", () => {
    const at = (bottom: number) => BASE + BigInt(bottom);
    const mapped = [0x4000, 0x8000, 0xc000, 0x10000, 0x14000, 0x18000].map((one) => ({
      address: at(one),
      bytes: 0x4000,
    }));
    // That of a task that is in no list, and that on which a CPU is, whosever it is.
    const owned = new Set([at(0x14000), 0n]);
    const cpus = [inKernel(0x9000), inKernel(0x19000)];
    expect(guest([0x200, 0x300])(cpus, mapped, owned)).toEqual({
      pieces: [
        [0x8008, 0x9000],
        [0x10000, 0x14000],
      ],
      cut: true,
    });
    // Where slabs were not looked into, nobody knows all tasks.
    expect(guest([0x200, 0x300])([inKernel(0x9000), inKernel(0xf000)], mapped, null)).toEqual({
      pieces: [
        [0x8008, 0x9000],
        [0xc008, 0xf000],
      ],
      cut: true,
    });
  });

  test("all of a stack whose CPU is in the task's program, but the program's registers", () => {
    expect(guest([0x200, 0x300])([program, inKernel(0xf000)])).toEqual({
      pieces: [
        [0x8008, 0xc000 - 168 - 16],
        [0xc008, 0xf000],
      ],
      cut: false,
    });
  });

  test("a program's stack pointer that leads into another task's stack says nothing about that", () => {
    const evil = { inProgram: true, pointer: BASE + 0xfff8n };
    expect(guest([0x200, 0x300])([evil, inKernel(0xf000)]).pieces.at(-1)).toEqual([0xc008, 0xf000]);
    // Of two pointers the lower one counts.
    expect(guest([0x200, 0x300])([inKernel(0xff00), inKernel(0xf000)])).toEqual({
      pieces: [[0xc008, 0xf000]],
      cut: true,
    });
  });

  test("where nothing says where its CPU is, a stack stays, and that is said", () => {
    // On the stack of an interrupt; in a virtual machine within the machine, in its kernel and in a program there; without notes.
    const other = { own: BASE + 0x9_0000n };
    for (const first of [inKernel(0x1f000), { ...inKernel(0x9000), ...other }, { ...program, ...other }])
      expect(guest([0x200, 0x300])([first, inKernel(0xf000)])).toEqual({ pieces: [[0xc008, 0xf000]], cut: true });
    expect(guest([0x200, 0x300])([])).toEqual({ pieces: [], cut: true });
  });

  test("idle tasks of CPUs that are off count as running; nothing is missing then", () => {
    expect(guest([0x200], 1n)([inKernel(0x9000)])).toEqual({ pieces: [[0x8008, 0x9000]], cut: false });
  });
});
