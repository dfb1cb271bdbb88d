import { existsSync, readFileSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  describeWithDumps,
  furtherDumps,
  goldenDumps,
  originalQemuFile,
  readGolden,
  realDump,
  realDumps,
} from "./dumps.js";
import { bitmapPfns, goldenRam, pfnSet } from "./golden.js";
import { openElf } from "./other-elf.js";

describe("the hash of a set of pages", () => {
  test("is sha256 over the pfns as little-endian u64", () => {
    const pfns = Array.from({ length: 10_000 }, (_, index) => index * 3);
    expect(pfnSet(pfns)).toEqual({
      count: 10_000,
      sha256: "dfaac94e41f57d185c6c2b3dc96b08fa62cbb630e845235e4e248921be7ffa2b",
    });
  });

  test("refuses pfns out of order, which would be another set's hash", () => {
    expect(() => pfnSet([1, 3, 2])).toThrow("not ascending");
  });

  test("reads bitmaps least significant bit first", () => {
    expect([...bitmapPfns(Uint8Array.of(0b1000_0001, 0, 0b10))]).toEqual([0, 7, 17]);
  });
});

describeWithDumps("the real dumps", () => {
  test("a dump wanted twice at once is unpacked once", async () => {
    const [one, two] = await Promise.all([realDump("tiny-x86-6.1"), realDump("tiny-x86-6.1")]);
    expect(one.folder).toBe(two.folder);
    expect(existsSync(one.vmcore)).toBe(true);
  });

  test("the file as QEMU wrote it has its program headers behind a section header", async () => {
    const [qemu, { vmcore }] = await Promise.all([originalQemuFile("tiny-x86-6.1"), realDump("tiny-x86-6.1")]);
    const head = readFileSync(qemu).subarray(0, 64);
    expect(head.readBigUInt64LE(32)).toBe(192n);
    const [one, other] = [openElf(qemu), openElf(vmcore)];
    expect(one.segments).toEqual(other.segments);
    expect(one.notes.equals(other.notes)).toBe(true);
    one.close();
    other.close();
  });

  test.each(goldenDumps.filter((dump) => dump.mebibytes < 300))(
    "$name: memory is what makedumpfile found",
    async ({ name, pageSize }) => {
      const golden = readGolden(name);
      const limit = golden.levels["31"]?.max_mapnr ?? 0;
      const elf = openElf((await realDump(name)).vmcore);
      const pfns = [...elf.pfns(pageSize)].filter((pfn) => pfn < limit);
      elf.close();
      expect(pfnSet(pfns)).toEqual(goldenRam(golden, 31));
    },
  );

  test.each([...realDumps, ...furtherDumps])(
    "$name: the facts in the list are the dump's",
    async ({ name, flat, qemu, mebibytes }) => {
      const dump = await realDump(name);
      expect([dump.flat !== undefined, dump.qemuHeader !== undefined]).toEqual([flat, qemu]);
      expect(Math.ceil(statSync(dump.vmcore).size / 1024 ** 2)).toBe(mebibytes);
    },
  );
});
