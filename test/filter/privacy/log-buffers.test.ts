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
  expect(piecesOf(logBuffers(space, withSymbols(places)).list)).toEqual([
    [0x1000, 0x3400],
    [0x4000, 0x43e0],
  ]);
  expect(piecesOf(logBuffers(space, withSymbols({ printk_shared_pbufs: 0x5000 })).list)).toEqual([[0x5000, 0x5c00]]);
});
