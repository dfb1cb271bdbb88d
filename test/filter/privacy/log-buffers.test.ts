/** Messages of the log that stay in variables from which they went to consoles. */
import { expect, test } from "vitest";
import { LOG_BUFFERS, logBuffers } from "../../../src/filter/privacy/log-buffers.js";
import { logTexts } from "../../../src/filter/privacy/log-texts.js";
import type { KernelMemory } from "../../../src/kernel/kernel-memory.js";
import type { KernelObjects } from "../../../src/kernel/objects/kernel-objects.js";
import {
  BASE,
  machine,
  NO_FILES,
  OPEN_FILES,
  piecesOf,
  space,
  taskWithFiles,
  withAddresses,
} from "../../support/fake-machine.js";

/** A machine whose symbols know each other's neighbours. */
function withSymbols(places: Readonly<Record<string, number>>): KernelObjects {
  const { kernel } = machine({}, { printk_buffers: [0, 3072] });
  const sorted = Object.entries(places).sort(([, a], [, b]) => b - a);
  const symbols = {
    address: (name: string) => (places[name] === undefined ? undefined : BASE + BigInt(places[name])),
    matching: (patterns: readonly RegExp[]) =>
      patterns.map((one) => sorted.filter(([name]) => one.test(name)).map(([, at]) => BASE + BigInt(at))),
    addresses: (name: string) => (places[name] === undefined ? [] : [BASE + BigInt(places[name])]),
    nearest(address: bigint) {
      const found = sorted.find(([, at]) => BASE + BigInt(at) <= address);
      return found && { name: found[0], offset: address - BASE - BigInt(found[1]) };
    },
  };
  return { ...kernel, symbols } as unknown as KernelObjects;
}

test("variables of functions, if they have the size, and the shared one by its type", () => {
  const places = {
    "ext_text.2": 0x1000,
    "text.3": 0x3000,
    "text.4": 0x3400,
    other: 0x3500,
    "textbuf.7": 0x4000,
    last: 0x43e0,
  };
  expect(piecesOf(logBuffers(space, withSymbols(places), NO_FILES).list)).toEqual([
    [0x1000, 0x3400],
    [0x4000, 0x43e0],
  ]);
  expect(logBuffers(space, withSymbols(places), NO_FILES).missing).toEqual([
    "what netconsole sent last",
    "what earlier kernels left (pstore)",
    "what programs read last from /dev/kmsg",
  ]);
  expect(piecesOf(logBuffers(space, withSymbols({ printk_shared_pbufs: 0x5000 }), NO_FILES).list)).toEqual([
    [0x5000, 0x5c00],
  ]);
});

test("names of variables as GCC before 10 and Clang write them; where none is found, that is said", () => {
  const old = { "text.61238": 0x1000, "textbuf.61240": 0x1400, "context.7": 0x1800, other: 0x1c00 };
  expect(piecesOf(logBuffers(space, withSymbols(old), NO_FILES).list)).toEqual([[0x1000, 0x1800]]);
  const clang = { "console_unlock.text": 0x1000, "console_unlock.ext_text": 0x1400, other: 0x3400 };
  expect(piecesOf(logBuffers(space, withSymbols(clang), NO_FILES).list)).toEqual([[0x1000, 0x3400]]);
  expect(logBuffers(space, withSymbols({ other: 0x1000 }), NO_FILES).missing).toEqual([
    "what netconsole sent last",
    "what earlier kernels left (pstore)",
    ...LOG_BUFFERS,
  ]);
});

test("the message of panic(), in a variable that has the size of its own", () => {
  const places = { "buf.3": 0x1000, "buf.4": 0x1420, "buf.5": 0x1500, "panic.buf": 0x2000, last: 0x2400 };
  expect(piecesOf(logBuffers(space, withSymbols(places), NO_FILES).list)).toEqual([
    [0x1000, 0x1400],
    [0x2000, 0x2400],
  ]);
});

test("since 5.10: the texts of the first ring, too, if the kernel moved to a larger one", () => {
  const { kernel, point, view } = machine({}, {});
  const symbols: Record<string, bigint> = { prb: BASE + 0x100n, printk_rb_static: BASE + 0x200n };
  const ring = (at: number, places: number, bits: number) => {
    view.setUint32(at, 1, true);
    view.setUint32(at + 48, bits, true);
    [8, 16, 56].forEach((member, i) => {
      point(at + member, places + 0x1000 * i);
    });
  };
  ring(0x200, 0x1000, 11);
  ring(0x300, 0x8000, 12);
  const info = {
    symbol: (name: string) => symbols[name],
    offset: (name: string) => (name === "printk_info.dev_info" ? 24 : undefined),
    size: () => undefined,
  };
  const texts = () => logTexts(space, { ...kernel.memory, info } as unknown as KernelMemory)?.list;
  const first = [
    [0x2018, 0x2058],
    [0x2070, 0x20b0],
    [0x3000, 0x3800],
  ];
  point(0x100, 0x300);
  expect(piecesOf(texts() as never)).toEqual([...first, [0x9018, 0x9058], [0x9070, 0x90b0], [0xa000, 0xb000]]);
  point(0x100, 0x200);
  expect(piecesOf(texts() as never)).toEqual(first);
});

test("a log of 64 MiB (log_buf_len=64M): numbers, times and lengths of its two million records stay, names across pages go", () => {
  const { kernel, point, view } = machine({}, {});
  view.setUint32(0x200, 21, true);
  view.setUint32(0x200 + 48, 11, true);
  const [infos, count] = [0x1000_0000, 2 ** 21];
  point(0x208, 0x3000);
  point(0x210, infos);
  point(0x238, 0x1000);
  const info = {
    symbol: (name: string) => (name === "prb" ? BASE + 0x100n : undefined),
    offset: (name: string) => (name === "printk_info.dev_info" ? 24 : undefined),
    size: () => undefined,
  };
  point(0x100, 0x200);
  let asked = 0;
  // The third page of the records is not mapped.
  const large = {
    translate(vaddr: bigint) {
      asked++;
      const paddr = Number(vaddr - BASE);
      return paddr >> 12 === (infos >> 12) + 2 ? undefined : { paddr, length: 4096 - (paddr % 4096) };
    },
  };
  const found = piecesOf(logTexts(large, { ...kernel.memory, info } as unknown as KernelMemory)?.list as never);
  const names = found.filter(([from]) => (from as number) >= infos);
  const [hole, end] = [infos + 0x2000, infos + 0x3000];
  const wanted = Array.from({ length: count }, (_, i) => [infos + 88 * i + 24, infos + 88 * i + 88] as const).flatMap(
    ([from, to]) =>
      to <= hole || from >= end
        ? [[from, to]]
        : [
            [from, Math.min(to, hole)],
            [Math.max(from, end), to],
          ].filter(([a, b]) => (a as number) < (b as number)),
  );
  expect(names.length).toBe(wanted.length);
  expect(names.every(([from, to], i) => from === wanted[i]?.[0] && to === wanted[i]?.[1])).toBe(true);
  expect(asked).toBeLessThan((count * 88) / 4096 + 10);
});

test("before 5.10: the first log, if the kernel moved to a larger one", () => {
  const kernel = withSymbols({ __log_buf: 0x8000, log_buf: 0x9000, last: 0x9100 });
  const log = (address: bigint) => ({
    ...kernel,
    memory: { ...kernel.memory, readWord: () => address },
  });
  expect(piecesOf(logBuffers(space, log(BASE + 0x10000n), NO_FILES).list)).toEqual([[0x8000, 0x9000]]);
  expect(piecesOf(logBuffers(space, log(BASE + 0x8000n), NO_FILES).list)).toEqual([]);
});

test("what programs read last from /dev/kmsg", () => {
  const guest = machine({}, { ...OPEN_FILES, "devkmsg_user.pbufs": [64, 3072] });
  // Two files for one reader, and another file.
  const task = taskWithFiles(guest, [
    [0x600, 0x100, 0x2000],
    [0x600, 0x100, 0x2000],
    [0x700, 0x180, 0x4000],
  ]);
  const found = logBuffers(space, withAddresses(guest.kernel, { kmsg_fops: 0x100 }), { tasks: [task], others: [] });
  expect(piecesOf(found.list)).toEqual([[0x2040, 0x2c40]]);
  expect(found.objects).toBe(1);
});
