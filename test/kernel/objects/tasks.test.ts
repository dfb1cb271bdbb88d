/** The tasks of damaged kernels: each comes once. */
import { expect, test } from "vitest";
import type { KernelView } from "../../../src/kernel/kernel-view.js";
import type { KernelObjects } from "../../../src/kernel/objects/kernel-objects.js";
import { allTasks } from "../../../src/kernel/objects/tasks.js";
import type { Dump } from "../../../src/reader/dump.js";

const OFFSETS: Record<string, number> = {
  ...{
    "task_struct.tasks": 0,
    "task_struct.thread_node": 16,
    "task_struct.signal": 32,
    "signal_struct.thread_head": 0,
  },
};
const TASK = 64n;
const BASE = 0x1000n;
const SIGNAL = 0x100_0000n;

/**
 * `leaders` tasks in a list, whose last one points back to the `last`-th of them; all have one `signal_struct`, with a
 * list of `threads` threads.
 */
function kernel(leaders: number, last: number, threads: number): KernelObjects {
  const words = new Map<bigint, bigint>();
  const task = (i: number) => BASE + BigInt(i) * TASK;
  for (let i = 0; i < leaders; i++) {
    words.set(task(i), task(i + 1 < leaders ? i + 1 : last));
    words.set(task(i) + 32n, SIGNAL);
  }
  const node = (i: number) => task(leaders + i) + 16n;
  words.set(SIGNAL, node(0));
  for (let i = 0; i < threads; i++) words.set(node(i), i + 1 < threads ? node(i + 1) : SIGNAL);
  return {
    memory: {
      ...{ wordSize: 8, littleEndian: true, pageSize: 4096 },
      readWord: (address: bigint) => words.get(address),
      isKernelAddress: (address: bigint) => address >= BASE,
    },
    symbols: { address: (name: string) => (name === "init_task" ? BASE : undefined) },
    types: {
      sizeOf: () => Number(TASK),
      member: (type: string, path: string) => ({ offset: OFFSETS[`${type}.${path}`] as number, size: 8 }),
    },
  } as never;
}

// A claimed 2 TiB: as many tasks as would fill it are 2^35.
const dump = { maxMapnr: 2 ** 29, pageSize: 4096 } as Dump;

test.each([
  ["leaders that share a list of threads", 300, 0, 300],
  ["a list that ends in a circle", 300, 7, 5],
  ["a list of itself", 1, 0, 1],
])("%s", (_, leaders, last, threads) => {
  const found: bigint[] = [];
  for (const task of allTasks(dump, {} as KernelView, kernel(leaders, last, threads))) {
    found.push(task);
    if (found.length > 2 * (leaders + threads)) break;
  }
  expect(found.length).toBe(leaders + threads);
  expect(new Set(found).size).toBe(found.length);
});
