/** The kernel's symbol table in the layouts of all its ages, exported by VMCOREINFO or found without. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { kallsyms } from "../../../src/kernel/debuginfo/kallsyms.js";
import { findSymbols } from "../../../src/kernel/debuginfo/memory-debuginfo.js";
import type { ByteOrder } from "../../support/bytes.js";
import { type KallsymsLayout, kallsymsImage } from "../../support/kallsyms-image.js";
import { virtualMemory } from "../../support/virtual-memory.js";

const layouts: KallsymsLayout[] = [
  "addresses",
  "offsets-words",
  "offsets",
  "sequences",
  "offsets-behind",
  "place-relative",
];
const machines: { wordSize: 4 | 8; byteOrder: ByteOrder; vaddr: bigint }[] = [
  { wordSize: 8, byteOrder: "little", vaddr: 0xffff_ffff_8100_0000n },
  { wordSize: 8, byteOrder: "big", vaddr: 0x10_0000n },
  { wordSize: 4, byteOrder: "little", vaddr: 0xc100_0000n },
];

/** Names of 128 tokens and more came with lengths of two bytes, in 6.1. */
const longName = `${"x".repeat(140)}end`;

function symbolsFrom(vaddr: bigint, long: boolean): { name: string; address: bigint }[] {
  const names = Array.from({ length: 1100 }, (_, i) => (i % 100 === 50 ? "static_of_many" : `function_${i}_of_user`));
  names[0] = "_stext";
  names[77] = "alias_of_next";
  names[400] = long ? longName : "short_enough";
  // Two have one address.
  return names.map((name, i) => ({ name, address: vaddr + BigInt((i === 77 ? 78 : i) * 16) }));
}

const cases = machines.flatMap((machine) => layouts.map((layout) => ({ ...machine, layout })));

describe.each(cases)("$layout, $wordSize bytes, $byteOrder endian", ({ layout, ...machine }) => {
  const { vaddr } = machine;
  const long = layout === "sequences" || layout === "offsets-behind" || layout === "place-relative";
  const symbols = symbolsFrom(vaddr, long);
  const { bytes, exported } = kallsymsImage({ layout, symbols, ...machine });
  const stext = `SYMBOL(_stext)=${vaddr.toString(16)}`;

  // No kernel that exports its tables has words for numbers.
  const exporting = layout === "addresses" || layout === "offsets-words" ? [] : [["exported", [stext, ...exported]]];
  test.each([...exporting, ["searched for", [stext]]] as [string, string[]][])(
    "every symbol, where the tables are %s",
    (_, info) => {
      const found = kallsyms(virtualMemory({ ...machine, bytes, info }));
      expect(found?.source).toBe("kallsyms in memory");
      expect(symbols.filter(({ name, address }) => !found?.addresses(name).includes(address))).toEqual([]);
      expect(found?.addresses("static_of_many")).toEqual(
        symbols.filter(({ name }) => name === "static_of_many").map(({ address }) => address),
      );
      expect(found?.address("static_of_many")).toBe(vaddr + 800n);
      expect(found?.address("function_1_of_use")).toBeUndefined();
      expect(found?.addresses("nothing")).toEqual([]);
    },
  );

  test("symbols by the ends of their names, which are put together for few", () => {
    const found = kallsyms(virtualMemory({ ...machine, bytes, info: [stext] }));
    const texts = ["user", "of_many", "many", "stext", "_stext", "short_enough", longName, "next", "ser", "t"];
    for (const ends of [...texts.map((text) => [text]), ["1_of_user", "next"], texts]) {
      const wanted = symbols.filter(({ name }) => ends.some((text) => name === text || name.endsWith(`_${text}`)));
      expect([ends, found?.endingIn(ends)]).toEqual([ends, wanted.map(({ address }) => address)]);
    }
  });

  test("symbols by patterns, of which each has its own", () => {
    const found = kallsyms(virtualMemory({ ...machine, bytes, info: [stext] }));
    const patterns = [/^static_of_many$/, /nothing/, /^alias_|_7_of/];
    const wanted = patterns.map((one) => symbols.filter(({ name }) => one.test(name)).map(({ address }) => address));
    expect(found?.matching(patterns)).toEqual(wanted);
  });

  test("the symbol of an address", () => {
    const found = kallsyms(virtualMemory({ ...machine, bytes, info: [stext] }));
    expect(found?.nearest(vaddr - 1n)).toBeUndefined();
    expect(found?.nearest(vaddr)).toEqual({ name: "_stext", offset: 0n });
    expect(found?.nearest(vaddr + 31n)).toEqual({ name: "function_1_of_user", offset: 15n });
    expect(found?.nearest(vaddr + 78n * 16n + 3n)).toEqual({ name: "alias_of_next", offset: 3n });
    expect(found?.nearest(vaddr + 0x100_0000n)?.name).toBe("function_1099_of_user");
  });
});

describe("absolute per-CPU symbols", () => {
  const vaddr = 0xffff_ffff_8100_0000n;
  const perCpu = [
    { name: "fixed_percpu_data", address: 0n },
    { name: "runqueues", address: 0x31980n },
  ];
  const symbols = [...perCpu, ...symbolsFrom(vaddr, false)];
  const info = [`SYMBOL(_stext)=${vaddr.toString(16)}`];

  test("keep their value, and are before all others", () => {
    const { bytes } = kallsymsImage({ layout: "offsets", vaddr, symbols, absolutePerCpu: true });
    const found = kallsyms(virtualMemory({ vaddr, bytes, info }));
    expect(symbols.filter(({ name, address }) => !found?.addresses(name).includes(address))).toEqual([]);
    expect(found?.nearest(0x31985n)).toEqual({ name: "runqueues", offset: 5n });
  });
});

describe("tables that cannot be trusted", () => {
  const vaddr = 0xffff_ffff_8100_0000n;
  const symbols = symbolsFrom(vaddr, true);
  const { bytes, exported } = kallsymsImage({ layout: "offsets-behind", vaddr, symbols });
  const stext = `SYMBOL(_stext)=${vaddr.toString(16)}`;

  test("a table by which _stext is elsewhere is none", () => {
    const info = [`SYMBOL(_stext)=${(vaddr + 0x1000n).toString(16)}`, ...exported];
    expect(kallsyms(virtualMemory({ vaddr, bytes, info }))).toBeUndefined();
    expect(kallsyms(virtualMemory({ vaddr, bytes, info: exported }))).toBeUndefined();
  });

  test("exported addresses that lead nowhere: the tables are searched for", () => {
    const wrong = exported.map((line) => line.replace("=ffffffff81", "=ffffffff91"));
    const found = kallsyms(virtualMemory({ vaddr, bytes, info: [stext, ...wrong] }));
    expect(found?.address("_stext")).toBe(vaddr);
  });

  test("strings of digits elsewhere are no token table", () => {
    const digits = Buffer.from([..."0123456789"].map((digit) => `${digit}\0`).join(""), "latin1");
    const changed = bytes.slice();
    for (let i = 0; i < 20; i++) changed.set(digits, 0x3000 + i * 0x1000);
    const found = kallsyms(virtualMemory({ vaddr, bytes: changed, info: [stext] }));
    expect(found?.address("_stext")).toBe(vaddr);
  });

  test("changed bytes never throw", () => {
    const tables = 0x40000;
    const run = fc.property(
      fc.array(fc.tuple(fc.nat(bytes.length - tables - 8192), fc.nat(255)), { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      (changes, search) => {
        const changed = bytes.slice();
        for (const [at, byte] of changes) changed[tables + at] = byte;
        const info = search ? [stext] : [stext, ...exported];
        const found = kallsyms(virtualMemory({ vaddr, bytes: changed, info }));
        if (found !== undefined) expect(found.addresses("_stext")).toContain(vaddr);
      },
    );
    fc.assert(run, { numRuns: 40 });
  });

  test("a symbol that only VMCOREINFO has is found too", () => {
    const info = [stext, ...exported, "SYMBOL(init_uts_ns)=ffffffff82000000", "SYMBOL(mem_section)=ffff888000010000"];
    const found = findSymbols(virtualMemory({ vaddr, bytes, info }));
    expect(found?.address("init_uts_ns")).toBe(0xffff_ffff_8200_0000n);
    expect(found?.addresses("init_uts_ns")).toEqual([0xffff_ffff_8200_0000n]);
    expect(found?.address("nothing")).toBeUndefined();
    // What VMCOREINFO says of it may be the variable's value.
    expect(found?.address("mem_section")).toBeUndefined();
    expect(found?.addresses("mem_section")).toEqual([]);
  });
});
