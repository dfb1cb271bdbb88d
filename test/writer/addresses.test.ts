/**
 * ELF outputs have the virtual addresses of the kernel's own page tables: the kernel's image, the direct map and its struct pages are
 * where gdb looks for them, wrong addresses of an input are replaced and told, and no file without any is written silently.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { completeWithKernel } from "../../src/kernel/complete-dump.js";
import { kernelView } from "../../src/kernel/kernel-view.js";
import { openDump } from "../../src/reader/open.js";
import { verifyDump } from "../../src/verify/verify-dump.js";
import { Warnings } from "../../src/warnings.js";
import { describeWithDumps, realDump, realDumps, sharedInput } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { toElf, writeElf } from "../support/kernel-dump.js";
import { buildKernel } from "../support/kernel-image.js";
import { openElf } from "../support/other-elf.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const [input, output] = [join(folder, "input"), join(folder, "output.elf")];

const loadsOf = (path: string) => {
  const elf = openElf(path);
  elf.close();
  return elf.segments.filter(({ type }) => type === 1);
};

/** Reads as gdb does: by p_vaddr alone. */
function readAt(path: string, address: bigint, length: number): Buffer | undefined {
  const load = loadsOf(path).find(
    ({ virtualAddress, fileSize }) => virtualAddress <= address && address < virtualAddress + BigInt(fileSize),
  );
  if (load === undefined) return undefined;
  const at = load.offset + Number(address - load.virtualAddress);
  return readFileSync(path).subarray(at, at + length);
}

/** Where the kernel says that its name is. */
function addressesOf(path: string): { readonly name: bigint; readonly release: string } {
  const dump = completeWithKernel(openDump(path), new Warnings()).dump;
  const info = dump.vmcoreinfo;
  const { utsname } = kernelView(dump, new Warnings());
  dump.close();
  // release is the third of six texts of 65 bytes (struct new_utsname).
  const name = (info?.symbol("init_uts_ns") ?? 0n) + BigInt((info?.offset("uts_namespace.name") ?? 4) + 2 * 65);
  return { name, release: utsname.release };
}

const codesOf = (warnings: Warnings) => warnings.list.map(({ code, count }) => `${code} ${count}`);

describeWithDumps("real dumps", () => {
  // That one has its own addresses: they are right.
  const own = "x86-6.1-kdump-tiny";
  test.each(realDumps)("$name: its name is at its address", async ({ name }) => {
    const { vmcore } = await realDump(name);
    const { warnings } = await filterFile(vmcore, output, { level: 31, format: "elf" });
    const at = addressesOf(vmcore);
    expect(readAt(output, at.name, 65)?.toString("latin1").split("\0")[0]).toBe(at.release);
    expect(warnings.filter(({ code }) => code === "ADDRESSES" || code === "NO_ADDRESSES")).toEqual([]);
  });

  test("addresses that the page tables bear out stay as they were", async () => {
    const { vmcore } = await realDump(own);
    await filterFile(vmcore, output, { level: 0, format: "elf" });
    const places = (path: string) =>
      loadsOf(path).map(({ virtualAddress, physicalAddress }) => virtualAddress - BigInt(physicalAddress));
    expect([...new Set(places(output))]).toEqual([...new Set(places(vmcore))]);
  });

  test.each([0x8000_0000, 0xc020_0000])("arm with p_vaddr 0x%s, which is not the kernel's", async (wrong) => {
    const { vmcore } = await realDump("tiny-arm-6.1-flatmem");
    const file = readFileSync(vmcore);
    file.writeUInt32LE(wrong, 52 + 32 + 8);
    writeFileSync(input, file);
    const warnings = new Warnings();
    await filterFile(input, output, { level: 31, format: "elf", warnings });
    expect(codesOf(warnings)).toEqual(["ADDRESSES 1"]);
    const at = addressesOf(vmcore);
    expect(readAt(output, at.name, 12)?.toString("latin1")).toBe(at.release);
    expect((await verifyDump(input)).counts).toEqual({ address: 1 });
    expect((await verifyDump(output)).counts.address).toBeUndefined();
  });

  test("five levels, and a direct map at a multiple of 1 GiB", async () => {
    const path = await sharedInput("la57-1g-base.elf");
    const { warnings } = await filterFile(path, output, { level: 31, format: "elf" });
    expect(warnings).toEqual([]);
    const at = addressesOf(path);
    expect(readAt(output, at.name, 65)?.toString("latin1").split("\0")[0]).toBe(at.release);
    expect(loadsOf(output).filter(({ virtualAddress }) => virtualAddress === 0n)).toEqual([]);
    expect((await verifyDump(output)).counts).toEqual({});
  });

  test("one segment without an address beside one that has the kernel's", async () => {
    const path = await sharedInput("arm-vmcore-vaddr0.elf");
    const warnings = new Warnings();
    await filterFile(path, output, { level: 31, format: "elf", warnings });
    expect(codesOf(warnings)).toEqual(["ADDRESSES 1"]);
    expect(
      loadsOf(output).map(({ virtualAddress, physicalAddress }) => Number(virtualAddress) - physicalAddress),
    ).toEqual(loadsOf(output).map(() => 0x8000_0000));
    expect((await verifyDump(path)).counts.address).toBe(1);
    expect((await verifyDump(output)).counts.address).toBeUndefined();
  });
});

const kernel = buildKernel({});
/** A kernel that is not found: the names of what leads to its tables and to its name are others. */
const lost = (file: Uint8Array) => {
  const text = Buffer.from(file).toString("latin1");
  return Buffer.from(
    text.replace(/SYMBOL\((init_top_pgt|swapper_pg_dir|init_uts_ns)\)/g, (name) => name.replace(/_([ptu])/, "_q")),
    "latin1",
  );
};

test("without page tables the input's addresses are kept, which is told", async () => {
  writeDump(input, lost(toElf(kernel)));
  const warnings = new Warnings();
  await filterFile(input, output, { level: 0, format: "elf", warnings });
  expect(codesOf(warnings)).toContain(`ADDRESSES ${loadsOf(input).length}`);
  expect(loadsOf(output).map(({ virtualAddress }) => virtualAddress)).toEqual(
    loadsOf(input).map(({ virtualAddress }) => virtualAddress),
  );
  expect((await verifyDump(input)).notChecked.join()).toContain("virtual addresses");
});

test("a file of which gdb reads nothing is not written silently", async () => {
  writeDump(input, lost(toElf(kernel, { style: "qemu" })));
  const warnings = new Warnings();
  await filterFile(input, output, { level: 0, format: "elf", warnings });
  expect(codesOf(warnings)).toContain("NO_ADDRESSES 1");
});

test.each([
  ["off by a GiB", 1n << 30n],
  ["far off", 1n << 40n],
])("a direct map that is %s is replaced", async (_, off) => {
  const at = kernel.directMap;
  writeElf(input, { ...kernel, directMap: at + off });
  const warnings = new Warnings();
  await filterFile(input, output, { level: 31, format: "elf", warnings });
  expect(codesOf(warnings)).toEqual([`ADDRESSES ${kernel.ranges.length}`]);
  const direct = loadsOf(output).map(({ virtualAddress, physicalAddress }) => virtualAddress - BigInt(physicalAddress));
  expect(direct).toContain(at);
  expect(direct).not.toContain(at + off);
});
