/** Kernels with changed words in their tables and lists, and changed lines in VMCOREINFO. */

import { readPageTables } from "../../src/kernel/arch/page-tables.js";
import { attachSpace } from "../../src/kernel/kernel-view.js";
import { parseVmcoreinfo } from "../../src/reader/vmcoreinfo.js";
import { Warnings } from "../../src/warnings.js";
import { type FuzzKernel, fuzzKernel, KERNELS, spaceImage } from "../kernels.js";
import { type Patch, patchedMemory } from "../patched-memory.js";
import { randomFrom } from "../random.js";
import { Recipe } from "../recipe.js";
import type { FuzzTarget } from "../target.js";
import { useKernel } from "../use-kernel.js";

/** Changes of one recipe. */
const MOST_CHANGES = 16;
const LONGEST = 8 * MOST_CHANGES;

function patchOf(recipe: Recipe, { dump, places }: FuzzKernel): Patch {
  const index = recipe.number(2) % places.address.length;
  const value = recipe.value(places.value[index] as bigint, places.value);
  return { paddr: places.address[index] as number, value, size: dump.machine.wordSize };
}

/** Another text, by one line. */
function changeLine(recipe: Recipe, text: string): string {
  const lines = text.split("\n");
  const index = recipe.number(1) % lines.length;
  const line = lines[index] as string;
  const equals = line.indexOf("=");
  const [name, old] = [line.slice(0, equals + 1), line.slice(equals + 1)];
  const hexadecimal = /^SYMBOL/.test(name);
  const number = /^(0x)?[0-9a-f]+$/i.test(old)
    ? BigInt(hexadecimal ? `0x${old.replace("0x", "")}` : /^\d+$/.test(old) ? old : 0)
    : 0n;
  const value = recipe.value(number, [number]);
  switch (recipe.number(1) % 5) {
    case 0:
      lines.splice(index, 1);
      break;
    case 1:
      lines[index] = `${name}${recipe.pick(lines).split("=")[1] ?? ""}`;
      break;
    case 2:
      lines[index] = `${recipe.pick(lines).split("=")[0]}=${old}`;
      break;
    case 3:
      lines[index] = `${name}${BigInt.asIntN(64, value)}`;
      break;
    default:
      lines[index] = `${name}${hexadecimal ? BigInt.asUintN(64, value).toString(16) : value}`;
  }
  return lines.join("\n");
}

/** One recipe per kernel that changes nothing, and some that change anything. */
function recipes(): Uint8Array[] {
  const random = randomFrom(7);
  return Array.from({ length: 3 * KERNELS }, (_, i) =>
    i < KERNELS ? Uint8Array.of(i) : Uint8Array.of(i % KERNELS, ...Array.from({ length: 24 }, () => random(256))),
  );
}

const kernelTarget: FuzzTarget = {
  name: "kernel",
  longest: LONGEST,
  seeds: recipes,
  run(input) {
    const recipe = new Recipe(input);
    const kernel = fuzzKernel(recipe.number(1));
    const { dump } = kernel;
    const patches: Patch[] = [];
    let { text } = kernel;
    while (!recipe.ended && patches.length < MOST_CHANGES) {
      if (recipe.number(1) % 3 > 0) patches.push(patchOf(recipe, kernel));
      else text = changeLine(recipe, text);
    }
    const memory = patchedMemory(dump.memory, patches, dump.machine.littleEndian);
    const vmcoreinfo = text === kernel.text ? dump.vmcoreinfo : parseVmcoreinfo(text, new Warnings());
    useKernel({ ...dump, memory, vmcoreinfo }, input.length % 8 === 1);
  },
};

const addresses = [0n, 0xffff_8880_0000_0000n, 0xffff_ffff_8100_0000n, 0xffff_ea00_0000_0000n, 0xc000_0000n, 1n << 63n];

/** Page tables with changed entries and roots, walked for any address and as a whole. */
const walkTarget: FuzzTarget = {
  name: "page-tables",
  longest: LONGEST,
  seeds: recipes,
  run(input) {
    const recipe = new Recipe(input);
    const kernel = fuzzKernel(recipe.number(1));
    const { image } = spaceImage(kernel);
    const { dump, places } = kernel;
    const patches: Patch[] = [];
    let root = "root" in image ? image.root : undefined;
    while (!recipe.ended && patches.length < MOST_CHANGES) {
      if (recipe.number(1) % 4 > 0) patches.push(patchOf(recipe, kernel));
      else if (root !== undefined) root = Number(BigInt.asUintN(52, recipe.value(BigInt(root), places.value)));
    }
    const memory = patchedMemory(dump.memory, patches, dump.machine.littleEndian);
    const space = attachSpace(root === undefined ? image : ({ ...image, root } as typeof image), memory);
    const asked = [...addresses, ...places.value.slice(0, 64), ...patches.map(({ value }) => value)];
    for (const vaddr of asked) {
      const found = space.translate(BigInt.asUintN(64, vaddr));
      if (found === undefined) continue;
      if (!(Number.isSafeInteger(found.paddr) && found.paddr >= 0 && found.length > 0)) {
        throw new Error(`0x${vaddr.toString(16)} is at ${found.paddr}, ${found.length} bytes`);
      }
    }
    if (space.tables === undefined) return;
    const { extents } = readPageTables(space.tables, memory, dump.pageSize, () => undefined);
    for (const { vpn, pfn, pages } of extents) {
      if (!(vpn >= 0 && pfn >= 0 && pages > 0)) throw new Error(`${pages} pages at ${vpn} are ${pfn}`);
    }
  },
};

export const kernelTargets: readonly FuzzTarget[] = [kernelTarget, walkTarget];
