/** VMCOREINFO that does not come from a note or a search: a given text (-i), and QEMU's vmcoreinfo device. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { codecOf } from "../../src/codec/codecs.js";
import { completeWithKernel } from "../../src/kernel/complete-dump.js";
import type { CompleteOptions } from "../../src/kernel/complete-own.js";
import { fitsMachine, withoutVmcoreinfo } from "../../src/kernel/given-vmcoreinfo.js";
import { kernelView } from "../../src/kernel/kernel-view.js";
import { machineNamed } from "../../src/reader/machine.js";
import { openDump } from "../../src/reader/open.js";
import type { OpenOptions } from "../../src/reader/open-sources.js";
import { filterDump } from "../../src/run/filter-dump.js";
import { Warnings } from "../../src/warnings.js";
import { asciiBytes, ByteBuffer } from "../support/bytes.js";
import { sharedThread, temporaryFolder } from "../support/filter.js";
import { toElf, writeElf } from "../support/kernel-dump.js";
import { buildKernel, type Kernel, MiB } from "../support/kernel-image.js";
import { encodeNotes, prstatusNote, vmcoreinfoNote } from "../support/notes.js";
import { failureOf } from "../support/open.js";
import { openKdump } from "../support/other-kdump.js";
import { writeDump } from "../support/write-dump.js";

const folder = temporaryFolder();
const path = join(folder, "input");
/** Behind the built kernel's own data. */
const FREE = 31 * MiB;

const kernel = buildKernel({ release: "6.1.0-one", kernelOffset: 4 * MiB, physBase: 4 * MiB });
const text = kernel.vmcoreinfo;
const raw: OpenOptions = { raw: [{ start: 0, end: undefined }] };

function withDump<T>(bytes: Uint8Array, open: OpenOptions, use: (dump: ReturnType<typeof openDump>) => T): T {
  writeDump(path, bytes);
  const dump = openDump(path, undefined, open);
  try {
    return use(dump);
  } finally {
    dump.close();
  }
}

function complete(bytes: Uint8Array, open: OpenOptions, options: CompleteOptions) {
  return withDump(bytes, open, (dump) => {
    const warnings = new Warnings();
    const found = completeWithKernel(dump, warnings, options).dump;
    const reached = () => kernelView(found, new Warnings()).utsname.release;
    return { found, release: reached(), messages: warnings.list.map(({ code, message }) => `${code}: ${message}`) };
  });
}

const memoryOf = ({ memory, ranges }: Kernel) =>
  Buffer.concat(ranges.map(({ start, end }) => memory.read(start, end - start)));

describe("a given text", () => {
  test("takes the place of the dump's note; the other notes stay, and both are in the output", async () => {
    const wrong = text.replace(/^SYMBOL\(mem_section\)=.*$/m, "SYMBOL(mem_section)=0");
    expect(wrong).not.toBe(text);
    const notes = [prstatusNote(7), vmcoreinfoNote(wrong), prstatusNote(8)];
    writeElf(path, kernel, { style: "qemu", notes });
    const dump = openDump(path);
    const output = join(folder, "output");
    await filterDump(dump, {
      output: { path: output, force: true },
      level: 31,
      format: "kdump",
      codec: codecOf("none"),
      workers: sharedThread(),
      vmcoreinfo: { text, name: "given" },
    });
    dump.close();
    const { facts, close } = openKdump(output);
    close();
    expect(facts.vmcoreinfo.toString("latin1")).toBe(text);
    expect(facts.cpus).toBe(2);
    expect(facts.notes.equals(encodeNotes([prstatusNote(7), prstatusNote(8), vmcoreinfoNote(text)], "little"))).toBe(
      true,
    );
  });

  test("where there is none, and the machine is found by it", () => {
    const { found, release, messages } = complete(memoryOf(kernel), raw, { vmcoreinfo: { text, name: "given" } });
    expect([found.machine.arch, release, messages]).toEqual(["x86_64", "6.1.0-one", []]);
    expect(found.vmcoreinfo?.text).toBe(text);
    expect(found.vmcoreinfoAddress).toBeUndefined();
  });

  test.each<[string, string, RegExp]>([
    [
      "of another release",
      text.replace("6.1.0-one", "6.1.0-two"),
      /is of kernel 6\.1\.0-two, but the dump is of 6\.1\.0-one/,
    ],
    [
      "of a kernel that lies elsewhere",
      buildKernel({ release: "5.10.0-other" }).vmcoreinfo.replaceAll(/=ffffffff8/g, "=ffffffff9"),
      /is of kernel 5\.10\.0-other, but the dump is of 6\.1\.0-one/,
    ],
    ["that is none", "hello\n", /is not a VMCOREINFO text/],
    ["without page size", text.replace(/^PAGESIZE.*\n/m, ""), /no PAGESIZE/],
  ])("%s is refused", (_, given, says) => {
    const bytes = toElf(kernel, { style: "qemu" });
    const error = failureOf(() => complete(bytes, {}, { vmcoreinfo: { text: given, name: "given" } }));
    expect(error).toMatchObject({ code: "BAD_OPTION", file: "given" });
    expect(error.message).toMatch(says);
  });
});

describe("QEMU's vmcoreinfo device", () => {
  const other = text.replace("6.1.0-one", "9.9.9-other");
  const entry = (paddr: number, size: number, guestFormat = 1) =>
    new ByteBuffer("little").u16(1).u16(guestFormat).u32(size).u64(paddr).toBytes();

  /** The memory with a note at FREE. */
  function memoryWith(content: string, order: "little" | "big" = "little"): { bytes: Buffer; size: number } {
    const bytes = memoryOf(kernel);
    const note = encodeNotes([vmcoreinfoNote(content)], order);
    bytes.set(note, FREE);
    return { bytes, size: note.length };
  }

  test("leads to the note, and phys_base is the note's", () => {
    const { bytes, size } = memoryWith(text);
    const { found, release, messages } = complete(bytes, raw, { vmcoreinfoDevice: entry(FREE, size) });
    expect([found.vmcoreinfoAddress, release, messages]).toEqual([FREE + 24, "6.1.0-one", []]);
    expect(found.vmcoreinfo?.number("phys_base")).toBe(BigInt(kernel.physBase));
    expect(kernelViewPhysBase(bytes, entry(FREE, size))).toBe(BigInt(kernel.physBase));
  });

  function kernelViewPhysBase(bytes: Uint8Array, vmcoreinfoDevice: Uint8Array): bigint {
    return withDump(bytes, raw, (dump) => {
      return kernelView(completeWithKernel(dump, new Warnings(), { vmcoreinfoDevice }).dump, new Warnings()).physBase;
    });
  }

  test("an entry that leads nowhere is passed over with a warning, and memory is searched", () => {
    const { bytes, size } = memoryWith(text);
    for (const bad of [entry(FREE, size, 0), entry(FREE, size, 7), entry(FREE + 4, size), entry(FREE, 1 << 20)]) {
      const { found, release, messages } = complete(bytes, raw, { vmcoreinfoDevice: bad });
      expect([found.vmcoreinfoAddress, release]).toEqual([FREE + 24, "6.1.0-one"]);
      expect(messages).toEqual([
        expect.stringMatching(/^VMCOREINFO_DEVICE: the vmcoreinfo device's entry is not used/),
      ]);
    }
  });

  test("a note in the other byte order, and another kernel's, are not the machine's", () => {
    const page = asciiBytes(`${text}\0`);
    for (const { bytes, size } of [memoryWith(text, "big"), memoryWith(other)]) {
      bytes.set(page, FREE + 0x1_0000);
      const { release, messages } = complete(bytes, raw, { vmcoreinfoDevice: entry(FREE, size) });
      expect(release).toBe("6.1.0-one");
      expect(messages).toEqual([expect.stringContaining("its note is of another machine than the dump")]);
    }
  });

  test("the note's class: addresses of 64 bits are not of a machine of 32", () => {
    const fits = (name: string, symbol: string, littleEndian = true) =>
      fitsMachine({ paddr: 0, text: `A=1\nSYMBOL(x)=${symbol}\n`, littleEndian }, machineNamed(name) as never);
    expect(fits("i386", "c1000000")).toBe(true);
    expect(fits("i386", "00000000c1000000")).toBe(true);
    expect(fits("i386", "ffffffff81000000")).toBe(false);
    expect(fits("x86_64", "ffffffff81000000")).toBe(true);
    expect(fits("x86_64", "ffffffff81000000", false)).toBe(false);
    expect(fits("s390x", "1000000", false)).toBe(true);
  });

  test("an entry that is not whole is refused", () => {
    const error = failureOf(() => complete(memoryOf(kernel), raw, { vmcoreinfoDevice: new Uint8Array(15) }));
    expect(error.message).toMatch(/has 16 bytes, not 15/);
  });
});

test("many notes of a small file are taken out at once", () => {
  const [first, last] = [prstatusNote(7), prstatusNote(8)];
  const many = Array.from({ length: 500 }, (_, i) => vmcoreinfoNote(`OSRELEASE=${i}\n`));
  withDump(toElf(kernel, { style: "qemu", notes: [first, ...many, last] }), {}, (dump) => {
    let parsed = 0;
    const area = new Proxy(dump.noteArea, {
      get(bytes, key) {
        if (key === "subarray") parsed++;
        const value: unknown = Reflect.get(bytes, key, bytes);
        return typeof value === "function" ? value.bind(bytes) : value;
      },
    });
    const without = withoutVmcoreinfo({ ...dump, noteArea: area });
    expect(Buffer.from(without.noteArea)).toEqual(Buffer.from(encodeNotes([first, last], "little")));
    expect(without.notes.map(({ name }) => name)).toEqual(["CORE", "CORE"]);
    // Each note that stays, and what is behind the last.
    expect(parsed).toBe(3);
  });
});
