/** Addresses that are not the kernel's lead nowhere, though their lower bits are those of one that is. */
import { expect, test } from "vitest";
import { kernelOf, openDump } from "../../../src/index.js";
import { describeWithDumps, realDump } from "../../support/dumps.js";

describeWithDumps("user-space addresses", () => {
  test.each([
    ["tiny-arm64-6.12-64k-va52", 52],
    ["arm64-7.2-16k-tiny", 48],
    ["tiny-riscv64-6.12-sv48", 48],
    ["x86-6.12-tiny", 48],
  ] as const)("%s: none is translated", async (name, bits) => {
    const dump = openDump((await realDump(name)).vmcore);
    try {
      const kernel = kernelOf(dump);
      const known = kernel.symbol("init_uts_ns") as bigint;
      expect(kernel.readVirtual(known, 8)).toHaveLength(8);
      const low = BigInt.asUintN(bits - 1, known);
      for (const address of [0n, low, low | (1n << 60n)]) {
        expect(kernel.readVirtual(address, 8), `0x${address.toString(16)}`).toHaveLength(0);
        expect(kernel.physicalAddress(address)).toBeUndefined();
        expect(kernel.readWord(address)).toBeUndefined();
      }
    } finally {
      dump.close();
    }
  });
});
