/** Resources of the kernel that are found by their names in its image: also where words are written to look like thousands of them. */
import { expect, test } from "vitest";
import { resourcesNamed } from "../../../src/filter/privacy/resources.js";
import type { KernelMemory } from "../../../src/kernel/kernel-memory.js";
import type { Dump } from "../../../src/reader/dump.js";

const START = 0xffff_ffff_8100_0000n;
const dump = { pageSize: 4096, maxMapnr: 1 << 20 } as Dump;

/** An image of `size` bytes with names at its start; counts reads of resources. */
function imageOf(size: number, names: readonly string[]) {
  const bytes = Buffer.alloc(size);
  bytes.write(`\0${names.join("\0")}\0`, "latin1");
  const counted = { resources: 0 };
  const memory = {
    ...{ info: { symbol: (name: string) => (name === "_stext" ? START : undefined) } },
    ...{ wordSize: 8, littleEndian: true, pageSize: 4096 },
    readView(vaddr: bigint, length: number) {
      const at = Number(vaddr - START);
      if (at < 0 || at + length > size) return undefined;
      if (length === 32) counted.resources++;
      return new DataView(Uint8Array.from(bytes.subarray(at, at + length)).buffer);
    },
  } as unknown as KernelMemory;
  /** A struct resource; the next one's first word may be this one's flags. */
  const put = (at: number, name: string, start: number, last: number, flags: number) => {
    bytes.writeBigUInt64LE(BigInt(start), at);
    bytes.writeBigUInt64LE(BigInt(last), at + 8);
    bytes.writeBigUInt64LE(START + BigInt(bytes.indexOf(`\0${name}\0`) + 1), at + 16);
    bytes.writeBigUInt64LE(BigInt(flags), at + 24);
  };
  return { counted, put, named: () => resourcesNamed(dump, memory, names) };
}

test("an image full of words that lead to a name: as many are looked at as are bounded, equal ones count once, other names are found", () => {
  const size = 2 << 20;
  const { counted, put, named } = imageOf(size, ["Crash kernel", "Kernel data"]);
  const one = { start: 0x10_0000, end: 0x20_0000, flags: 0x10_0000 };
  for (let at = 64; at + 64 <= size; at += 24) put(at, "Crash kernel", one.start, one.end - 1, one.flags);
  put(size - 32, "Kernel data", 0x30_0000, 0x3f_ffff, 0x200);
  const found = named();
  expect(found?.get("Crash kernel")).toEqual([one]);
  expect(found?.get("Kernel data")).toEqual([{ start: 0x30_0000, end: 0x40_0000, flags: 0x200 }]);
  expect(counted.resources).toBeLessThan(5000);
});

test("thousands of resources of a name that differ: no more than are checked", () => {
  const size = 1 << 20;
  const { counted, put, named } = imageOf(size, ["Crash kernel"]);
  for (let at = 64; at + 32 <= size; at += 32) put(at, "Crash kernel", at * 4096, at * 4096 + 4095, 0x8000_0200);
  expect(named()?.get("Crash kernel")?.length).toBe(64);
  expect(counted.resources).toBeLessThan(5000);
});
