/** Slabs whose cache no list has, and lists of CPUs that lead elsewhere: what is free in them stays, and that is said. */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DumpedKernel } from "../../../src/kernel/dumped-kernel.js";
import { kernelOf } from "../../../src/library/kernel-of.js";
import { openDump } from "../../../src/reader/open.js";
import { describeWithDumps, realDump, realVmlinux } from "../../support/dumps.js";
import { filterFile, temporaryFolder } from "../../support/filter.js";
import { openElf } from "../../support/other-elf.js";
import { writeDump } from "../../support/write-dump.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output")];
const SLABS = expect.stringMatching(/^[1-9]\d* slabs whose free objects are not known$/);
const LISTS = expect.stringMatching(/^freed objects in the slabs that CPUs allocate from/);

/** Places and new values of words. */
type Words = (kernel: DumpedKernel) => readonly (readonly [bigint | undefined, bigint | undefined])[];

const cachesOf = (kernel: DumpedKernel) => [
  ...kernel.walkList(kernel.symbol("slab_caches") ?? 0n, "kmem_cache", "list"),
];
const listOf = (kernel: DumpedKernel, n: number) =>
  kernel.memberAddress("kmem_cache", cachesOf(kernel)[n] ?? 0n, "list");

async function changed(vmcore: string, vmlinux: string, words: Words): Promise<void> {
  const elf = openElf(vmcore);
  elf.close();
  writeDump(input, readFileSync(vmcore));
  const dump = openDump(vmcore);
  const kernel = await kernelOf(dump, { vmlinux });
  const fd = openSync(input, "r+");
  for (const [address = 0n, value = 0n] of words(kernel)) {
    const paddr = kernel.physicalAddress(address) as number;
    const load = elf.segments.find(
      ({ type, physicalAddress, fileSize }) =>
        type === 1 && physicalAddress <= paddr && paddr < physicalAddress + fileSize,
    );
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    writeSync(fd, bytes, 0, 8, paddr + (load?.offset ?? 0) - (load?.physicalAddress ?? 0));
  }
  closeSync(fd);
  kernel.close();
  dump.close();
}

describeWithDumps("what the lists of slab caches and CPUs do not lead to", () => {
  test.each<readonly [string, Words, unknown]>([
    ["the list of caches is empty", (k) => [[k.symbol("slab_caches"), k.symbol("slab_caches")]], SLABS],
    ["a cache leads to itself", (k) => [[listOf(k, 3), listOf(k, 3)]], SLABS],
    [
      "objects have no size",
      (k) => cachesOf(k).map((cache) => [k.memberAddress("kmem_cache", cache, "object_size"), 0xffff_ffffn] as const),
      SLABS,
    ],
    [
      "CPUs' memory is nowhere",
      (k) => [0n, 8n].map((cpu) => [(k.symbol("__per_cpu_offset") ?? 0n) + cpu, 1n] as const),
      LISTS,
    ],
    ["no CPU is possible", (k) => [[k.symbol("__cpu_possible_mask"), 0n]], LISTS],
  ])("%s", async (_, words, said) => {
    const [{ vmcore }, vmlinux] = [await realDump("tiny-x86-6.1"), await realVmlinux()];
    const sound = (await filterFile(vmcore, output, { privacy: true, vmlinux })).privacy;
    expect(sound?.remains).not.toContainEqual(said);
    await changed(vmcore, vmlinux, words);
    const { privacy } = await filterFile(input, output, { privacy: true, vmlinux });
    expect(privacy?.remains).toContainEqual(said);
  });
});
