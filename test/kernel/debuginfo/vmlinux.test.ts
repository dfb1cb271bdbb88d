/** What is and what is not a vmlinux: sections of every kind, files given by mistake, damaged ones. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DumpError } from "../../../src/errors.js";
import { BTF_KIND } from "../../../src/kernel/debuginfo/btf-format.js";
import { linkedSymbols } from "../../../src/kernel/debuginfo/kernel-symbols.js";
import { openVmlinux, type TypeSource } from "../../../src/kernel/debuginfo/vmlinux.js";
import { btfImage } from "../../support/btf-image.js";
import { elfProgram, type ProgramOptions, type ProgramSection } from "../../support/elf-program.js";
import { temporaryFolder } from "../../support/filter.js";
import { failureOf } from "../../support/open.js";
import { virtualMemory } from "../../support/virtual-memory.js";

const folder = temporaryFolder();
const path = join(folder, "vmlinux");
const fixture = (name: string) => readFileSync(fileURLToPath(new URL(`../../fixtures/dwarf/${name}`, import.meta.url)));

const TEXT = "Linux version 5.4.0-made (a@b) (gcc) #7 SMP PREEMPT";
const ALLOC = 2;

function made(options: Partial<ProgramOptions> = {}, more: readonly ProgramSection[] = []): Uint8Array {
  const { byteOrder = "little" } = options;
  const banner: ProgramSection = {
    name: ".rodata",
    flags: ALLOC,
    addr: 0x8000_1000n,
    data: Buffer.from(`--------${TEXT}\n\0more`, "latin1"),
  };
  const btf = btfImage([{ kind: BTF_KIND.INT, name: "int", value: 4, words: [32] }], { byteOrder });
  return elfProgram({
    symbols: [
      { name: "linux_banner", address: 0x8000_1008n, size: 60 },
      { name: "twice", address: 1n },
      { name: "twice", address: 2n },
    ],
    ...options,
    sections: options.sections ?? [banner, { name: ".BTF", data: btf }, ...more],
  });
}

/** What a file is opened as; closes it. */
function opened(bytes: Uint8Array, sources?: readonly TypeSource[]) {
  writeFileSync(path, bytes);
  const { close, machine, banner, types, symbols } = openVmlinux(path, sources);
  const result = { machine, banner, source: types.source, size: types.sizeOf("int"), twice: symbols.named("twice") };
  close();
  return result;
}

describe("a vmlinux", () => {
  test("lists its symbols by pattern and by the ends of their names, in the file's order", () => {
    writeFileSync(path, made({}));
    const file = openVmlinux(path);
    const found = [/^linux_|^twice$/, /nothing/].map((pattern) => file.symbols.matching(pattern));
    expect(found.map((all) => all.map(({ address }) => address))).toEqual([[0x8000_1008n, 1n, 2n], []]);
    const linked = linkedSymbols(virtualMemory({ vaddr: 0n, bytes: new Uint8Array(), info: [] }), file);
    expect(["banner", "linux_banner", "anner", "twice"].map((text) => linked.endingIn([text]))).toEqual([
      [0x8000_1008n],
      [0x8000_1008n],
      [],
      [1n, 2n],
    ]);
    file.close();
  });

  test.each([
    [32, "little", 3, "i386"],
    [32, "big", 20, "ppc32"],
    [64, "little", 183, "arm64"],
    [64, "big", 22, "s390x"],
  ] as const)("of %i bits, %s endian", (bits, byteOrder, machine, arch) => {
    expect(opened(made({ class: bits, byteOrder, machine }))).toEqual({
      machine: { arch, wordSize: bits / 8, littleEndian: byteOrder === "little" },
      banner: TEXT,
      source: "BTF of vmlinux",
      size: 4,
      twice: [
        { address: 1n, size: 0 },
        { address: 2n, size: 0 },
      ],
    });
  });

  test("with more sections than 16 bits count", () => {
    const many = Array.from({ length: 0xff20 }, (_, i) => ({ name: `.s${i % 7}` }));
    expect(opened(made({}, many)).banner).toBe(TEXT);
  });

  test("BTF goes before DWARF, unless asked otherwise", () => {
    expect(opened(fixture("x86-64-dwarf5")).source).toBe("DWARF of vmlinux");
    expect(opened(made()).source).toBe("BTF of vmlinux");
    expect(failureOf(() => opened(made(), ["dwarf"])).code).toBe("BAD_OPTION");
  });
});

describe("what is none says what it is", () => {
  const bzImage = Buffer.alloc(0x400);
  bzImage.write("MZ", 0, "latin1");
  bzImage.write("HdrS", 0x202, "latin1");
  bzImage.writeUInt16LE(0x100, 0x20e);
  bzImage.write("6.1.0-18-amd64 (debian) #1\0", 0x300, "latin1");
  const zboot = Buffer.from("MZ\0\0zimg", "latin1");
  const arm64 = Buffer.alloc(64);
  arm64.write("ARM\x64", 56, "latin1");

  test.each<[string, Uint8Array, RegExp]>([
    ["vmlinuz", bzImage, /is a kernel image \(bzImage, vmlinuz\) of 6\.1\.0-18-amd64, as boot loaders take it.*-dbg/],
    ["EFI zboot", zboot, /EFI zboot/],
    ["arm64's Image", arm64, /is a kernel image \(Image\)/],
    ["a packed vmlinux", gzipSync(made()), /is compressed with gzip\. Unpack it with gzip -d/],
    ["a text", Buffer.from("hello"), /is not a vmlinux: it is not an ELF file/],
    ["a dump", made({ type: 4 }), /is a core \(a dump\), not a vmlinux/],
    ["a module", made({ type: 1 }), /type 1, not a linked kernel/],
    ["a program of no machine of Linux", made({ machine: 4711 }), /e_machine 4711/],
    ["stripped", elfProgram({ sections: [] }), /no symbol table \(\.symtab\) and no description of types/],
    ["without types", made({ sections: [] }), /has no description of types \(neither \.BTF nor \.debug_info\)/],
    ["without symbols", elfProgram({ sections: [{ name: ".BTF", data: btfImage([]) }] }), /has no symbol table/],
  ])("%s", (_, bytes, message) => {
    const error = failureOf(() => opened(bytes));
    expect([error.code, error.message]).toEqual(["BAD_OPTION", expect.stringMatching(message)]);
  });

  test("no such file", () => {
    expect(failureOf(() => openVmlinux(join(folder, "nothing"))).code).toBe("NOT_READABLE");
  });
});

/** Opens and asks; ends with an answer or a DumpError. */
function ask(bytes: Uint8Array): string {
  writeFileSync(path, bytes);
  let vmlinux: ReturnType<typeof openVmlinux> | undefined;
  try {
    vmlinux = openVmlinux(path, ["dwarf"]);
    const { types } = vmlinux;
    types.sizeOf("page");
    types.member("zone", "free_area[3].free_list[2].prev");
    types.members("bits");
    types.member("page", "compound_order");
    types.variable("mem_map");
    types.enumerator("no_such");
    return "answered";
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    return error.code;
  } finally {
    vmlinux?.close();
  }
}

const FIXTURES = ["x86-64-dwarf5-types", "s390x-dwarf2", "x86-64-zlib", "x86-64-zdebug", "i386-dwarf5", "x86-64-zstd"];

test.each(FIXTURES)("%s, cut off anywhere or with changed bytes: an answer or a DumpError", (name) => {
  const whole = fixture(name);
  expect(ask(whole)).toBe("answered");
  const seen = new Set<string>();
  const cut = fc.nat(whole.length - 1).map((length) => whole.subarray(0, Math.max(length, 1)));
  const changed = fc
    .array(fc.tuple(fc.nat(whole.length - 1), fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0xff))), {
      minLength: 1,
      maxLength: 12,
    })
    .map((changes) => {
      const copy = Buffer.from(whole);
      for (const [at, byte] of changes) copy[at] = byte;
      return copy;
    });
  fc.assert(
    fc.property(fc.oneof({ arbitrary: changed, weight: 4 }, cut), (bytes) => {
      seen.add(ask(bytes));
    }),
    { numRuns: 400 },
  );
  expect(seen.size).toBeGreaterThan(1);
});
