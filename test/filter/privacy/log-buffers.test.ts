/** Messages of the log that stay in variables from which they went to consoles. */
import { expect, test } from "vitest";
import { logBuffers } from "../../../src/filter/privacy/log-buffers.js";
import type { KernelObjects } from "../../../src/kernel/objects/kernel-objects.js";
import { BASE, machine, piecesOf, space } from "../../support/fake-machine.js";

/** A machine whose symbols know each other's neighbours. */
function withSymbols(places: Readonly<Record<string, number>>): KernelObjects {
  const { kernel } = machine({}, { printk_buffers: [0, 3072] });
  const sorted = Object.entries(places).sort(([, a], [, b]) => b - a);
  const symbols = {
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
  expect(piecesOf(logBuffers(space, withSymbols(places), []).list)).toEqual([
    [0x1000, 0x3400],
    [0x4000, 0x43e0],
  ]);
  expect(piecesOf(logBuffers(space, withSymbols({ printk_shared_pbufs: 0x5000 }), []).list)).toEqual([
    [0x5000, 0x5c00],
  ]);
});

test("what programs read last from /dev/kmsg", () => {
  const { kernel, point, view } = machine(
    {},
    {
      "task_struct.files": [0, 8],
      "files_struct.fdt": [8, 8],
      "fdtable.fd": [0, 8],
      "fdtable.max_fds": [8, 4],
      "file.f_op": [0, 8],
      "file.private_data": [8, 8],
      "devkmsg_user.pbufs": [64, 3072],
    },
  );
  const symbols = { addresses: (name: string) => (name === "kmsg_fops" ? [BASE + 0x100n] : []) };
  point(0x200, 0x300);
  point(0x308, 0x400);
  point(0x400, 0x500);
  view.setUint32(0x408, 3, true);
  // Two files for one reader, and another file.
  for (const [i, file, operations, own] of [
    [0, 0x600, 0x100, 0x2000],
    [1, 0x600, 0x100, 0x2000],
    [2, 0x700, 0x180, 0x4000],
  ] as const) {
    point(0x500 + 8 * i, file);
    point(file, operations);
    point(file + 8, own);
  }
  const found = logBuffers(space, { ...kernel, symbols } as unknown as KernelObjects, [BASE + 0x200n]);
  expect(piecesOf(found.list)).toEqual([[0x2040, 0x2c40]]);
  expect(found.objects).toBe(1);
});
