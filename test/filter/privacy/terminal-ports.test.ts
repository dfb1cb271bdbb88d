/** Terminals: ports that their driver forgot to forget, and consoles that a hypervisor has. */
import { expect, test } from "vitest";
import type { AllocationCheck } from "../../../src/filter/privacy/allocations.js";
import { SlabSockets } from "../../../src/filter/privacy/slab-sockets.js";
import { ttyBuffers } from "../../../src/filter/privacy/tty-buffers.js";
import { watchedKernel } from "../../../src/filter/privacy/watched-kernel.js";
import type { KernelObjects } from "../../../src/kernel/objects/kernel-objects.js";
import { BASE, dumpOf, machine, OPEN_FILES, piecesOf, space, taskWithFiles } from "../../support/fake-machine.js";

const TERMINALS = {
  ...OPEN_FILES,
  "tty_driver.tty_drivers": [0, 16],
  "tty_driver.num": [16, 4],
  "tty_driver.ports": [24, 8],
  "tty_driver.ttys": [32, 8],
  "tty_struct.port": [0, 8],
  "tty_struct.link": [8, 8],
  "tty_struct.disc_data": [16, 8],
  "tty_struct.write_buf": [24, 8],
  "tty_file_private.tty": [0, 8],
  "tty_port.buf.head": [0, 8],
  "tty_port.open_wait.head": [8, 16],
  "tty_port.buf.sentinel": [24, 16],
  "tty_port.buf.free.first": [40, 8],
  "tty_port.xmit_buf": [48, 8],
  "tty_buffer.next": [0, 8],
  "tty_buffer.size": [8, 4],
  "tty_buffer.data": [16, 0],
  "tty_buffer.free": [0, 8],
} as const;

function guestWith(types: Readonly<Record<string, readonly [number, number, number?]>>, more = {}) {
  const guest = machine({ init_task: 0, tty_fops: 0x80, tty_drivers: 0x100, ...more }, types);
  const kernel = {
    ...guest.kernel,
    symbols: { ...guest.kernel.symbols, addresses: (name: string) => (name === "tty_fops" ? [BASE + 0x80n] : []) },
  } as unknown as KernelObjects;
  const task = taskWithFiles(guest, [[0x600, 0x700, 0x2000]]);
  const circle = (at: number) => {
    guest.point(at, at);
    guest.point(at + 8, at);
  };
  return { ...guest, kernel, circle, files: { tasks: [task], others: [] } };
}

test("a port whose device has gone is somebody else's memory: it is not believed, nor called broken", () => {
  const { kernel, view, point, word, circle, files } = guestWith(TERMINALS);
  point(0x100, 0x1000);
  point(0x108, 0x1000);
  point(0x1000, 0x100);
  point(0x1008, 0x100);
  view.setUint32(0x1010, 3, true);
  point(0x1018, 0x1100);
  // One that is there, two that are not: what they lead to may look like a buffer, or like nothing.
  for (const [i, port, buffer] of [
    [0, 0x3000, 0x5000],
    [1, 0x3100, 0x6000],
    [2, 0x3200, 0],
  ] as const) {
    point(0x1100 + 8 * i, port);
    if (buffer === 0) word(port, 0x1_0000_0001n);
    else {
      point(port, buffer);
      view.setUint32(buffer + 8, 64, true);
    }
  }
  circle(0x3008);
  const watched = watchedKernel(kernel);
  const found = ttyBuffers(space, watched.kernel, files);
  expect(piecesOf(found?.list as never)).toEqual([[0x5010, 0x5090]]);
  expect([found?.broken, watched.cut]).toEqual([0, false]);
});

test("text of terminals is overwritten where it is an allocation of its size: elsewhere it is somebody else's", () => {
  const { kernel, view, point, circle, files } = guestWith(TERMINALS);
  circle(0x100);
  point(0x100, 0x1000);
  point(0x108, 0x1000);
  point(0x1000, 0x100);
  point(0x1008, 0x100);
  view.setUint32(0x1010, 1, true);
  point(0x1018, 0x1100);
  point(0x1100, 0x3000);
  circle(0x3008);
  point(0x3000, 0x5000);
  point(0x5000, 0x6000);
  for (const buffer of [0x5000, 0x6000]) view.setUint32(buffer + 8, 64, true);
  const asked: number[][] = [];
  const allocations: AllocationCheck = (wanted) => {
    asked.push(...wanted.map(({ start, size }) => [start, size]));
    return new Set(wanted.filter(({ start }) => start === 0x6000));
  };
  expect(piecesOf(ttyBuffers(space, kernel, { ...files, allocations })?.list as never)).toEqual([[0x6010, 0x6090]]);
  expect(asked).toEqual([
    [0x5000, 144],
    [0x6000, 144],
  ]);
});

const CONSOLES = [
  ["a pointer (until 6.7)", { "hvc_struct.outbuf": [16, 8] }, 0x5000],
  ["in the console itself", { "hvc_struct.outbuf": [64, 0, 0] }, 0x4040],
] as const;

test.each(CONSOLES)("what is printed at consoles of a hypervisor: %s", (_, own, start) => {
  const types = { ...TERMINALS, "hvc_struct.next": [0, 16], "hvc_struct.outbuf_size": [24, 4], ...own } as const;
  const { kernel, view, point, circle, files } = guestWith(types, { hvc_structs: 0x300 + 0x600 });
  circle(0x100);
  point(0x900, 0x4000);
  point(0x908, 0x4000);
  point(0x4000, 0x900);
  point(0x4008, 0x900);
  point(0x4010, 0x5000);
  view.setUint32(0x4018, 256, true);
  expect(piecesOf(ttyBuffers(space, kernel, files)?.list as never)).toEqual([[start, start + 256]]);
  // The types are there, and nothing says where consoles are: also where functions only are listed.
  for (const more of [{}, { init_task: undefined }]) {
    const without = guestWith(types, more);
    without.circle(0x100);
    const watched = watchedKernel(without.kernel);
    ttyBuffers(space, watched.kernel, without.files);
    expect(watched.cut).toBe(true);
  }
});

test("a small kernel without a network has no socket buffers, which is no gap; one with a network and no types of it has", () => {
  for (const [symbols, cut] of [
    [{ init_task: 0 }, false],
    [{ init_task: 0, __alloc_skb: 0x40 }, true],
    [{}, true],
  ] as const) {
    const { kernel, view } = machine(symbols, {});
    const types = { ...kernel.types, members: () => undefined };
    const watched = watchedKernel({ ...kernel, types } as KernelObjects);
    new SlabSockets(dumpOf(view), space, watched.kernel, new Map());
    expect(watched.cut).toBe(cut);
  }
});
