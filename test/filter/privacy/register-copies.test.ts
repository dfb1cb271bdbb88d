/** Copies of users' registers: in notes of the crashing kernel, on stacks, in the notes of a core that is being dumped. */
import { expect, test } from "vitest";
import { coreNotes } from "../../../src/filter/privacy/core-notes.js";
import { cpuNotes } from "../../../src/filter/privacy/cpu-notes.js";
import { registerCopies } from "../../../src/filter/privacy/register-copies.js";
import { registerFrame, userRegisters } from "../../../src/filter/privacy/register-frame.js";
import { kernelVersion } from "../../../src/kernel/version.js";
import type { Machine } from "../../../src/reader/machine.js";
import { BASE, machine, space } from "../../support/fake-machine.js";

const x86 = { arch: "x86_64", wordSize: 8, littleEndian: true } as Machine;
const form = { wordSize: 8, littleEndian: true } as const;
const TEXT = 0x6b6d_7e61_6263_6465n;
const SET = [TEXT, 0x7ffe_1234_5678n, 3n, 0n, 0x55aa_0000_1000n, 17n];

function words(...values: bigint[]): DataView {
  return new DataView(new BigUint64Array(values).buffer);
}

test("four words in their order are a copy, wherever in the set they begin", () => {
  expect(registerCopies(words(9n, ...SET, 9n), SET, form)).toEqual([[8, 56]]);
  expect(registerCopies(words(9n, 9n, ...SET.slice(1), 9n), SET, form)).toEqual([[16, 56]]);
});

test("small numbers, single addresses and three words are none", () => {
  expect(registerCopies(words(3n, 0n, 17n, 9n), [3n, 0n, 17n, 9n, TEXT], form)).toEqual([]);
  expect(registerCopies(words(9n, SET[1] as bigint, 9n, SET[4] as bigint), SET, form)).toEqual([]);
  expect(registerCopies(words(SET[1] as bigint, 3n, 0n, 8n), SET, form)).toEqual([]);
});

test("a word that can be no address is one wherever it lies, for functions save registers in any order", () => {
  expect(registerCopies(words(9n, TEXT, 9n, TEXT), SET, form)).toEqual([
    [8, 16],
    [24, 32],
  ]);
  // A kernel address is the kernel's.
  expect(registerCopies(words(0xffff_8880_1234_0000n), [0xffff_8880_1234_0000n], form)).toEqual([]);
});

test("a stack's frame and its copy below go, and the set itself is not found twice", () => {
  const frame = registerFrame(x86, kernelVersion(6, 12), undefined);
  if (frame === undefined) throw new Error("no frame");
  const view = new DataView(new ArrayBuffer(4096));
  const start = 4096 - 168;
  for (let i = 0; i < 17; i++) view.setBigUint64(start + i * 8, TEXT + BigInt(i), true);
  view.setBigUint64(start + 136, 0x33n, true);
  view.setBigUint64(start + 160, 0x2bn, true);
  for (let i = 0; i < 17; i++) view.setBigUint64(1000 + i * 8, TEXT + BigInt(i), true);
  expect(userRegisters(view, frame)).toEqual([
    [start, start + 136],
    [start + 144, start + 160],
    [1000, 1136],
  ]);
});

function note(view: DataView, at: number, cs: bigint): void {
  view.setUint32(at, 5, true);
  view.setUint32(at + 4, 336, true);
  view.setUint32(at + 8, 1, true);
  new Uint8Array(view.buffer).set(Buffer.from("CORE\0\0\0\0", "latin1"), at + 12);
  for (let i = 0; i < 23; i++) view.setBigUint64(at + 20 + 112 + i * 8, TEXT + BigInt(i), true);
  view.setBigUint64(at + 20 + 112 + 17 * 8, cs, true);
}

test("crash_notes: registers of CPUs that were in user mode, and copies on their interrupt stacks", () => {
  const symbols = {
    crash_notes: 0x100,
    __per_cpu_offset: 0x200,
    __cpu_possible_mask: 0x300,
    hardirq_stack_ptr: 0x108n,
  };
  const { view, kernel, word } = machine(symbols, {});
  word(0x100, 0x4000n);
  word(0x200, BASE);
  word(0x208, BASE + 0x1000n);
  word(0x300, 3n);
  note(view, 0x4000, 0x33n);
  note(view, 0x5000, 0x10n);
  word(0x108, BASE + 0x10000n);
  for (let i = 0; i < 6; i++) word(0xf000 + i * 8, TEXT + BigInt(i));
  const found = cpuNotes(space, kernel, x86, BASE);
  const spans = found?.list.merged(0);
  expect(found?.objects).toBe(1);
  expect([...(spans?.start ?? [])]).toEqual([0x4084, 0x4114, 0x412c, 0xf000]);
  expect([...(spans?.end ?? [])]).toEqual([0x410c, 0x4124, 0x413c, 0xf030]);
  expect(cpuNotes(space, machine({ crash_notes: 0x100 }, {}).kernel, x86, BASE)).toBeUndefined();
});

test("a process whose core is being dumped: the registers of all threads, and the data of further notes", () => {
  const { kernel, word, view } = machine(
    {},
    {
      "elf_thread_core_info.next": [0, 8],
      "elf_thread_core_info.task": [8, 8],
      "elf_thread_core_info.prstatus": [16, 336],
      "elf_thread_core_info.notes": [352, 0],
      "memelfnote.name": [0, 8],
      "memelfnote.datasz": [12, 4],
      "memelfnote.data": [16, 8],
      memelfnote: [0, 24],
      "task_struct.stack": [0, 8],
      "task_struct.signal": [8, 8],
      "signal_struct.core_state": [0, 8],
      "core_state.dumper.task": [8, 8],
    },
  );
  const at = (address: number) => BASE + BigInt(address);
  const [dumper, other, stranger] = [0x1000, 0x1100, 0x1200];
  word(dumper, at(0x8000));
  word(dumper + 8, at(0x1300));
  word(other + 8, at(0x1300));
  word(stranger + 8, at(0x1400));
  word(0x1300, at(0x1500));
  word(0x1508, at(dumper));
  // The stack: a pointer to a task of another process's, and to the first thread's notes.
  word(0x8100, at(0x3000));
  word(0x3008, at(stranger));
  word(0x8200, at(0x2000));
  word(0x2000, at(0x2800));
  word(0x2008, at(dumper));
  word(0x2808, at(other));
  new Uint8Array(view.buffer).set(Buffer.from("LINUX\0", "latin1"), 0x500);
  word(0x2000 + 352, at(0x500));
  view.setUint32(0x2000 + 352 + 12, 600, true);
  word(0x2000 + 352 + 16, at(0x6000));
  const { list, objects } = coreNotes(space, kernel, x86, [at(stranger), at(dumper), at(other)], 16384);
  const spans = list.merged(0);
  expect(objects).toBe(2);
  const pieces = Array.from(spans.start, (start, i) => [start, spans.end[i]]);
  const registers = (info: number) => [
    [info + 128, info + 264],
    [info + 272, info + 288],
    [info + 296, info + 312],
  ];
  expect(pieces).toEqual([...registers(0x2000), ...registers(0x2800), [0x6000, 0x6258]]);
});
