/** Kernels that lack a member because they are older than it: nothing was cut off there, and `remains` must not say so. */
import { expect, test } from "vitest";
import { largeObjects } from "../../../src/filter/privacy/large-objects.js";
import { ttyBuffers } from "../../../src/filter/privacy/tty-buffers.js";
import { watchedKernel } from "../../../src/filter/privacy/watched-kernel.js";
import type { KernelObjects } from "../../../src/kernel/objects/kernel-objects.js";
import { moduleSymbol } from "../../../src/kernel/objects/module-objects.js";
import { BASE, machine, OPEN_FILES, space, taskWithFiles } from "../../support/fake-machine.js";

test("symbols of modules before 4.5, when the table was a part of struct module", () => {
  const types = {
    elf64_sym: [0, 24],
    "elf64_sym.st_name": [0, 4],
    "elf64_sym.st_value": [8, 8],
    "module.symtab": [0, 8],
    "module.strtab": [8, 8],
    "module.num_symtab": [16, 4],
  } as const;
  const { kernel, view, point } = machine({}, types);
  point(0x1000, 0x2000);
  point(0x1008, 0x3000);
  view.setUint32(0x1010, 1, true);
  view.setUint32(0x2000, 1, true);
  point(0x2008, 0x4000);
  Buffer.from(view.buffer).write("\0own\0", 0x3000, "latin1");
  const watched = watchedKernel(kernel);
  expect(moduleSymbol(watched.kernel, BASE + 0x1000n, "own")).toBe(BASE + 0x4000n);
  expect(watched.cut).toBe(false);
});

test("devices of the network without queues to receive (before 2.6.35)", () => {
  const types = {
    net_device: [0, 64],
    "net_device.dev_list": [0, 16],
    "net_device._tx": [24, 8],
    "net_device.num_tx_queues": [32, 4],
    "net.list": [0, 16],
    "net.dev_base_head": [16, 16],
    "files_struct.fdt": [8, 8],
  } as const;
  const { kernel, point } = machine({ init_net: 0x100, net_namespace_list: 0x180 }, types);
  point(0x180, 0x100);
  point(0x100, 0x180);
  point(0x110, 0x1000);
  point(0x1000, 0x110);
  const watched = watchedKernel(kernel);
  largeObjects(space, watched.kernel, [], { isKernelData: () => false, isTail: () => false });
  expect(watched.cut).toBe(false);
});

test("terminals told by the function that reads from them, before read_iter (3.16)", () => {
  const types = {
    ...OPEN_FILES,
    "file_operations.read": [0, 8],
    "tty_driver.tty_drivers": [0, 16],
    "tty_struct.port": [0, 8],
    "tty_port.buf.head": [0, 8],
    "tty_buffer.next": [0, 8],
  } as const;
  const guest = machine({ tty_read: 0x80 }, types);
  const symbols = { ...guest.kernel.symbols, addresses: (name: string) => (name === "tty_read" ? [BASE + 0x80n] : []) };
  const watched = watchedKernel({ ...guest.kernel, symbols } as KernelObjects);
  const task = taskWithFiles(guest, [[0x600, 0x700, 0x2000]]);
  expect(ttyBuffers(space, watched.kernel, { tasks: [task], others: [] })?.objects).toBe(0);
  expect(watched.cut).toBe(false);
});
