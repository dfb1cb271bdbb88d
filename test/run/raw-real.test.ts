/**
 * The memory of real dumps cut out as a raw file, a LiME and an AVML image: the same kept pages as of the dump itself,
 * and the note that the image lacks. The machine is found in the memory.
 */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { completeWithKernel } from "../../src/kernel/complete-dump.js";
import { kernelView } from "../../src/kernel/kernel-view.js";
import { openDump } from "../../src/reader/open.js";
import type { OpenOptions } from "../../src/reader/open-sources.js";
import { Warnings } from "../../src/warnings.js";
import { ByteBuffer } from "../support/bytes.js";
import { compareKdumpWithElf } from "../support/compare-pages.js";
import { type DumpFacts, describeWithDumps, readGolden, realDump, realDumps } from "../support/dumps.js";
import { filterFile, temporaryFolder } from "../support/filter.js";
import { bitmapPfns, bitmapSet, goldenKept, pfnSet } from "../support/golden.js";
import { openKdump } from "../support/other-kdump.js";
import { buildAvml, buildLime, type MemoryPiece, ramOf } from "../support/raw-image.js";
import { writeDump } from "../support/write-dump.js";

type OpenKdump = ReturnType<typeof openKdump>;

/** Each form costs a second: large dumps and other machines show that they are found, not that every form is read again. */
const dumps = realDumps;

/** QEMU's firmware, which is no RAM: a kernel with a flat memory map has no end to tell it by, and keeps it. */
const FIRMWARE = 0xfffc_0000;

interface Form {
  readonly name: string;
  build(pieces: readonly MemoryPiece[]): Uint8Array;
  open?(pieces: readonly MemoryPiece[]): OpenOptions;
}

const raw: Form = {
  name: "raw",
  build: (pieces) => Buffer.concat(pieces.map(({ data }) => data)),
  open: (pieces) => ({ raw: pieces.map(({ start, data }) => ({ start, end: start + data.length })) }),
};
const lime: Form = { name: "LiME", build: (pieces) => buildLime(pieces) };
const avml: Form = { name: "AVML", build: (pieces) => buildAvml(pieces) };

function formsOf({ arch, mebibytes }: DumpFacts): readonly Form[] {
  if (arch === "x86_64") return mebibytes < 100 ? [raw, lime, avml] : [raw];
  return arch === "s390x" || arch === "riscv64" ? [raw, avml] : [lime];
}

describeWithDumps("memory cut out of real dumps", () => {
  const folder = temporaryFolder();
  const [image, output, plain] = [join(folder, "image"), join(folder, "output"), join(folder, "plain")];

  describe.each(dumps)("$name", (facts) => {
    const { name, arch } = facts;
    let vmcore: string;
    let ram: readonly MemoryPiece[];
    let expected: OpenKdump;
    beforeAll(async () => {
      vmcore = (await realDump(name)).vmcore;
      ram = ramOf(vmcore);
      await filterFile(vmcore, plain);
      expected = openKdump(plain);
      expected.close();
    });

    test.each(formsOf(facts))("$name", async ({ build, open }) => {
      writeDump(image, build(ram));
      const warnings = new Warnings();
      const result = await filterFile(image, output, { warnings, ...(open && { open: open(ram) }) });
      expect(warnings.list).toEqual([]);
      const found = openKdump(output);
      found.close();
      expect(pfnSet(bitmapPfns(found.bitmap2))).toEqual(pfnSet(withoutFirmware(expected)));
      if (facts.golden) expect(bitmapSet(found.bitmap2)).toEqual(goldenKept(readGolden(name), 31));
      expect(compareKdumpWithElf(output, vmcore)).toMatchObject({ different: [], unknown: [], leaked: [] });
      expect(found.facts.vmcoreinfo.toString("latin1")).toBe(expected.facts.vmcoreinfo.toString("latin1"));
      const { machine, release, physBase } = expected.facts;
      expect(found.facts).toMatchObject({ machine, release, physBase });
      expect(result).toMatchObject({ kernelRelease: release, arch });
      const again = openDump(output);
      expect(again.machine.arch).toBe(arch);
      const others = again.notes.map((note) => note.name);
      // Each CPU has a note in a kdump file, with registers or without.
      expect(others.splice(0, others.length - 1)).toEqual(new Array(again.header.cpus).fill("CORE"));
      expect(others).toEqual(["VMCOREINFO"]);
      again.close();
    });
  });
});

describeWithDumps("QEMU's vmcoreinfo device beside the memory of a real dump", () => {
  const image = join(temporaryFolder(), "image");

  test("leads to the note that the kernel gave to QEMU, of which the dump's is a copy", async () => {
    const { vmcore } = await realDump("tiny-x86-6.1");
    writeDump(image, raw.build(ramOf(vmcore)));
    const original = openDump(vmcore);
    const dump = openDump(image, undefined, { raw: [{ start: 0, end: undefined }] });
    const text = original.vmcoreinfo?.text as string;
    // The guest gives QEMU the note in its own memory; a search finds the text behind the note's header of 24 bytes.
    const address = (completeWithKernel(dump, new Warnings()).dump.vmcoreinfoAddress as number) - 24;
    const size = 24 + Math.ceil(text.length / 4) * 4;
    const vmcoreinfoDevice = new ByteBuffer("little").u16(1).u16(1).u32(size).u64(address).toBytes();
    const warnings = new Warnings();
    const found = completeWithKernel(dump, warnings, { vmcoreinfoDevice }).dump;
    expect(found).toMatchObject({ vmcoreinfoAddress: address + 24, vmcoreinfo: { text } });
    expect(kernelView(found, warnings).physBase).toBe(original.vmcoreinfo?.number("phys_base"));
    expect(warnings.list).toEqual([]);
    dump.close();
    original.close();
  });
});

function withoutFirmware({ bitmap2, facts }: OpenKdump): number[] {
  return [...bitmapPfns(bitmap2)].filter((pfn) => (facts.firstPfn + pfn) * facts.blockSize < FIRMWARE);
}
