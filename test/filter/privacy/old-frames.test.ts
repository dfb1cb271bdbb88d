/** What calls that have ended left on kernel stacks: below the stack pointers of tasks that do not run. */
import { expect, test } from "vitest";
import { endedCalls, oldFrames } from "../../../src/filter/privacy/old-frames.js";
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

test("a task that runs: below the pointer of the CPU that a hypervisor stopped in it, also in the idle task of a CPU; none where the kernel crashed", () => {
  const types = { ...TYPES, "rq.idle": [24, 8] } as const;
  const symbols = { init_task: 0x100, runqueues: 0x40n, __per_cpu_offset: 0x800, __cpu_possible_mask: 0x840 };
  const made = machine(symbols, types);
  const { kernel, view, word, point } = made;
  for (const [task, bottom] of [
    [0x100, 0x4000],
    [0x200, 0x8000],
    [0x300, 0xc000],
  ] as const) {
    point(task, bottom);
    view.setUint32(task + 8, 1, true);
    word(bottom, MARK);
  }
  word(0x840, 3n);
  for (const [cpu, idle] of [
    [0, 0x100],
    [1, 0x300],
  ] as const) {
    word(0x800 + 8 * cpu, BASE + BigInt(0x1000 * (cpu + 1)));
    point(0x1000 * (cpu + 1) + 0x40 + 24, idle);
  }
  /** RSP is the 20th register behind 112 bytes. */
  const note = (pointer: number) => {
    const desc = new Uint8Array(336);
    new DataView(desc.buffer).setBigUint64(112 + 19 * 8, BASE + BigInt(pointer), true);
    return { name: "CORE", type: 1, desc };
  };
  const notes = [note(0x9000), note(0xf000)];
  const dump = (more: readonly object[]) =>
    ({
      machine: { arch: "x86_64", wordSize: 8, littleEndian: true },
      pageSize: 4096,
      notes: [...notes, ...more],
    }) as unknown as Dump;
  const found = (more: readonly object[]) =>
    endedCalls(space, kernel, [BASE + 0x100n, BASE + 0x200n], dump(more), { bytes: 0x4000, hasThreadInfo: false });
  const pieces = piecesOf(found([{ name: "QEMU", type: 0, desc: new Uint8Array(8) }])?.list as never);
  expect(pieces).toEqual([
    [0x8008, 0x9000],
    [0xc008, 0xf000],
  ]);
  expect(found([])?.objects).toBe(0);
});
