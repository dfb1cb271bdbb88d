/** Symbols and types: BTF, kallsyms, vmlinux files with DWARF. */
import { readdirSync, readFileSync } from "node:fs";
import { openBtf } from "../../src/kernel/debuginfo/btf.js";
import { btfTypes } from "../../src/kernel/debuginfo/btf-types.js";
import { kallsyms } from "../../src/kernel/debuginfo/kallsyms.js";
import type { KernelTypes } from "../../src/kernel/debuginfo/kernel-types.js";
import { openVmlinux } from "../../src/kernel/debuginfo/vmlinux.js";
import { btfImage } from "../../test/support/btf-image.js";
import { elfProgram } from "../../test/support/elf-program.js";
import { type KallsymsLayout, kallsymsImage } from "../../test/support/kallsyms-image.js";
import { virtualMemory } from "../../test/support/virtual-memory.js";
import { asFile } from "../files.js";
import { attempt } from "../look.js";
import { randomFrom } from "../random.js";
import { Recipe } from "../recipe.js";
import type { FuzzTarget } from "../target.js";
import { put } from "../values.js";

const blob = () =>
  btfImage([
    { kind: 1, name: "int", value: 4, words: [32] },
    { kind: 1, name: "unsigned long", value: 8, words: [64] },
    { kind: 2, value: 4 },
    { kind: 4, name: "a", vlen: 3, value: 24, words: ["a", 1, 0, "b", 3, 64, "c", 5, 128] },
    { kind: 3, words: [1, 1, 4] },
    { kind: 5, name: "b", vlen: 2, value: 8, words: ["a", 4, 0, "", 4, 0] },
    { kind: 6, name: "c", vlen: 2, value: 4, words: ["a", 1, "b", 2] },
    { kind: 8, name: "t", value: 9 },
    { kind: 9, value: 10 },
    { kind: 10, value: 6 },
    { kind: 14, name: "runqueues", value: 4, words: [1] },
    { kind: 15, name: ".data", vlen: 1, value: 24, words: [11, 0, 24] },
    { kind: 19, name: "e", vlen: 1, value: 8, words: ["a", 1, 1] },
  ]);

function ask(types: KernelTypes): void {
  for (const name of [
    "int",
    "unsigned long",
    "struct a",
    "a",
    "b",
    "c",
    "t",
    "struct page",
    "outer",
    "list_head",
    "",
  ]) {
    types.sizeOf(name);
    for (const member of types.members(name) ?? []) types.member(name, member.name);
    for (const path of ["a", "a.b", "c[1].b", "b.c[0][2]", "next"]) types.member(name, path);
    types.enumerator(name);
    types.variable(name);
  }
}

const btfTarget: FuzzTarget = {
  name: "btf",
  longest: 4096,
  seeds: () => [blob()],
  run(input) {
    const btf = openBtf(input);
    if (btf !== undefined) ask(btfTypes(btf, 8, "fuzz"));
  },
};

const LAYOUTS: readonly KallsymsLayout[] = [
  "addresses",
  "offsets-words",
  "offsets",
  "sequences",
  "offsets-behind",
  "place-relative",
];
const VADDR = 0xffff_ffff_8100_0000n;
const symbols = Array.from({ length: 300 }, (_, i) => ({
  name: i === 0 ? "_stext" : i === 7 ? "x".repeat(140) : `function_${i}_of_user`,
  address: VADDR + BigInt(i * 16),
}));
const images = new Map<KallsymsLayout, ReturnType<typeof kallsymsImage>>();

/** A recipe: the layout, exported or not, then words behind the code that are changed. */
const kallsymsTarget: FuzzTarget = {
  name: "kallsyms",
  longest: 96,
  seeds() {
    const random = randomFrom(3);
    return Array.from({ length: 36 }, (_, i) =>
      Uint8Array.of(i, i >> 1, ...Array.from({ length: i < 12 ? 0 : 14 }, () => random(256))),
    );
  },
  run(input) {
    const recipe = new Recipe(input);
    const layout = recipe.pick(LAYOUTS);
    const image = images.get(layout) ?? kallsymsImage({ layout, vaddr: VADDR, symbols });
    images.set(layout, image);
    const exported = recipe.number(1) % 2 === 0 ? image.exported : [];
    const bytes = image.bytes.slice();
    const code = 0x40000;
    while (!recipe.ended) {
      const at = code + (recipe.number(2) % (bytes.length - code - 4096));
      put(bytes, at, recipe.value(BigInt(bytes[at] as number), [VADDR]), recipe.pick([1, 2, 4, 8]), true);
    }
    const info = [`SYMBOL(_stext)=${VADDR.toString(16)}`, ...exported];
    const found = kallsyms(virtualMemory({ vaddr: VADDR, bytes, info }));
    for (const name of ["_stext", "function_1_of_user", "nothing", ""]) found?.addresses(name);
    for (const distance of [-1n, 0n, 31n, 5000n]) found?.nearest(VADDR + distance);
  },
};

const vmlinuxTarget: FuzzTarget = {
  name: "vmlinux",
  longest: 16_384,
  seeds() {
    const folder = "test/fixtures/dwarf";
    const compiled = readdirSync(folder).filter((name) => /dwarf|zdebug|zlib|zstd|debug-only/.test(name));
    const made = elfProgram({
      symbols: [{ name: "linux_banner", address: 0x8000_1008n, size: 60 }],
      sections: [
        { name: ".rodata", flags: 2, addr: 0x8000_1000n, data: Buffer.from("--------Linux version 5.4.0 (a@b)\n\0") },
        { name: ".BTF", data: blob() },
      ],
    });
    return [made, ...compiled.map((name) => new Uint8Array(readFileSync(`${folder}/${name}`)))];
  },
  run(input) {
    const path = asFile("vmlinux", input);
    for (const source of ["btf", "dwarf"] as const) {
      attempt(() => {
        const vmlinux = openVmlinux(path, [source]);
        try {
          ask(vmlinux.types);
          vmlinux.symbols.named("linux_banner");
        } finally {
          vmlinux.close();
        }
      });
    }
  },
};

export const debuginfoTargets: readonly FuzzTarget[] = [btfTarget, kallsymsTarget, vmlinuxTarget];
