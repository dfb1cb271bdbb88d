/** Copies of the log's messages outside of its ring: of consoles, CPUs, pstore and netconsole. */
import { expect, test } from "vitest";
import { logCopies } from "../../../src/filter/privacy/log-copies.js";
import { watchedKernel } from "../../../src/filter/privacy/watched-kernel.js";
import { machine, piecesOf, space } from "../../support/fake-machine.js";

const CONSOLES = {
  printk_buffers: [0, 3072],
  "console.node": [64, 16],
  "console.pbufs": [96, 8],
} as const;

test("a console's own buffer, by the list of consoles; consoles without one, and a circle", () => {
  const { kernel, point } = machine({ console_list: 0x100 }, CONSOLES);
  point(0x100, 0x1040);
  point(0x1040, 0x2040);
  point(0x2040, 0x1040);
  point(0x1060, 0x4000);
  expect(piecesOf(logCopies(space, kernel).list)).toEqual([[0x4000, 0x4c00]]);
  expect(logCopies(space, machine({ init_task: 0x40 }, CONSOLES).kernel).missing).toEqual([
    "the buffers of single consoles",
  ]);
});

test("what interrupts printed while the log was locked (until 5.14), and a message whose end had not come (until 5.9)", () => {
  const types = { "printk_safe_seq_buf.buffer": [32, 8160], "cont.buf": [0, 992] } as const;
  const symbols = {
    safe_print_seq: 0x40n,
    nmi_print_seq: 0x3000n,
    __per_cpu_offset: 0x200,
    __cpu_possible_mask: 0x300,
  };
  const { kernel, word, point } = machine({ ...symbols, cont: 0x800 }, types);
  word(0x300, 3n);
  point(0x200, 0x8000);
  point(0x208, 0x10000);
  expect(piecesOf(logCopies(space, kernel).list)).toEqual([
    [0x800, 0x800 + 992],
    [0x8060, 0x8060 + 8160],
    [0xb020, 0xb020 + 8160],
    [0x10060, 0x10060 + 8160],
    [0x13020, 0x13020 + 8160],
  ]);
  expect(logCopies(space, machine({ init_task: 0x40 }, types).kernel).missing).toEqual([
    "what interrupts printed while the log was locked",
  ]);
});

test("pstore: the record that is written, and the texts of which it is made", () => {
  const types = { "pstore_info.buf": [16, 8], "pstore_info.bufsize": [24, 8] } as const;
  const { kernel, word, point } = machine(
    { init_task: 0x40, psinfo: 0x100, big_oops_buf: 0x110, big_oops_buf_sz: 0x118 },
    types,
  );
  expect(logCopies(space, kernel)).toMatchObject({ objects: 0, missing: [] });
  point(0x100, 0x1000);
  point(0x1010, 0x2000);
  word(0x1018, 1024n);
  point(0x110, 0x4000);
  word(0x118, 2048n);
  const pieces = [
    [0x2000, 0x2400],
    [0x4000, 0x4800],
  ];
  expect(piecesOf(logCopies(space, kernel).list)).toEqual(pieces);
  // A size that no record has: it is said that something was left out.
  word(0x118, 1n << 40n);
  const watched = watchedKernel(kernel);
  expect(piecesOf(logCopies(space, watched.kernel).list)).toEqual(pieces.slice(0, 1));
  expect(watched.cut).toBe(true);
  expect(logCopies(space, machine({ init_task: 0x40 }, types).kernel).missing).toEqual(["what pstore wrote last"]);
});

test("netconsole: each target's buffer, and a name where it has none", () => {
  const types = { netconsole_target: [0, 2048], "netconsole_target.list": [0, 16] } as const;
  const symbols = { target_list: 0x100, modules: 0x180 };
  const { kernel, point } = machine(symbols, { ...types, "netconsole_target.buf": [64, 1000] });
  point(0x100, 0x1000);
  point(0x1000, 0x100);
  expect(piecesOf(logCopies(space, kernel).list)).toEqual([[0x1040, 0x1040 + 1000]]);
  expect(logCopies(space, machine(symbols, types).kernel).missing).toContain("what netconsole sent last");
});
