/**
 * Whole runs over kernels whose own structures are damaged: struct pages, the memory map and its tables, page tables, zones
 * and their lists, the log, symbols and types, VMCOREINFO. What comes out must be a whole dump, or nothing.
 */

import { closeSync, openSync, writeSync } from "node:fs";
import { DumpError } from "../../src/errors.js";
import { openDump } from "../../src/reader/open.js";
import { Warnings } from "../../src/warnings.js";
import { checkedRun } from "../checked-run.js";
import { inProcessThreads } from "../in-process-threads.js";
import { type KernelFile, kernelFile, kernelFiles } from "../kernel-files.js";
import { randomFrom } from "../random.js";
import { Recipe } from "../recipe.js";
import type { FuzzTarget } from "../target.js";
import { put, take } from "../values.js";

const MOST_CHANGES = 12;
const threads = inProcessThreads();

/** Bytes of the file that are not those of the undamaged one: they are put back after the run. */
type Damage = Map<number, number>;

/** Changes a word of memory, in each segment that has it. */
function changeWord(file: KernelFile, damage: Damage, paddr: number, size: number, change: (old: bigint) => bigint) {
  for (const at of file.offsets(paddr)) {
    const word = new Uint8Array(size).map((_, i) => damage.get(at + i) ?? (file.bytes[at + i] as number));
    put(word, 0, BigInt.asUintN(64, change(take(word, 0, size, true))), size, true);
    word.forEach((byte, i) => {
      if (at + i < file.bytes.length) damage.set(at + i, byte);
    });
  }
}

/** A word of one struct page, or of several in a row. */
function changeStructs(file: KernelFile, damage: Damage, recipe: Recipe): void {
  const { structs } = file;
  const first = recipe.number(2) % structs.count;
  const word = 8 * (recipe.number(1) % (structs.size / 8));
  const [kind, many, argument] = [recipe.number(1), recipe.number(1), recipe.number(2)];
  const size = kind < 64 ? 4 : 8;
  const values = file.groups[0]?.value ?? [];
  const other = structs.address(argument % structs.count);
  for (let i = first; i < Math.min(structs.count, first + (many % 4 === 0 ? many : 1)); i++) {
    const paddr = structs.paddr(i);
    if (paddr === undefined) continue;
    changeWord(file, damage, paddr + word, size, (old) => {
      switch (kind % 6) {
        case 0:
          return old ^ (1n << BigInt(argument % 64));
        // A head, a list's neighbour, a mapping: any struct page; with bit 0 a tail page's head.
        case 1:
          return other | BigInt(argument & 1);
        case 2:
          return structs.address(i) + BigInt(argument % 16);
        // As some other page has it: the same kind of page in the wrong place.
        case 3:
          return file.word(structs.paddr(argument % structs.count), word);
        // A count, an order, a type in the upper bits.
        case 4:
          return (BigInt(argument % 128) << 56n) | BigInt(argument % 64);
        default:
          return new Recipe(Uint8Array.of(many, argument & 0xff, argument >> 8)).value(old, values);
      }
    });
  }
}

/** A digit or a letter of VMCOREINFO: its length stays. */
function changeText(file: KernelFile, damage: Damage, recipe: Recipe): void {
  const { at, length } = file.text;
  const digits = "0123456789abcdef()=-\n".split("").map((c) => c.charCodeAt(0));
  const place = at + (recipe.number(2) % length);
  const [how, count] = [recipe.number(1), recipe.number(1)];
  for (let i = 0; i < (how % 4 === 0 ? count % 16 : 1) && place + i < at + length; i++) {
    damage.set(place + i, digits[(how >> 2) % digits.length] as number);
  }
}

function damageOf(file: KernelFile, recipe: Recipe): Damage {
  const damage: Damage = new Map();
  for (let changes = 0; !recipe.ended && changes < MOST_CHANGES; changes++) {
    const kind = recipe.number(1) % 8;
    if (kind < 3) changeStructs(file, damage, recipe);
    else if (kind === 3) changeText(file, damage, recipe);
    else {
      // A word that opening the kernel, its log, its lists, or its symbols and types need.
      const group = file.groups[(kind - 4) % file.groups.length] as (typeof file.groups)[number];
      if (group.address.length === 0) continue;
      const index = recipe.number(2) % group.address.length;
      changeWord(file, damage, group.address[index] as number, 8, (old) => recipe.value(old, group.value));
    }
  }
  return damage;
}

function write(file: KernelFile, damage: Damage, byteAt: (at: number) => number): void {
  if (damage.size === 0) return;
  const fd = openSync(file.path, "r+");
  try {
    const places = [...damage.keys()].sort((a, b) => a - b);
    for (let i = 0; i < places.length; ) {
      const start = i;
      while (i < places.length && (places[i] as number) === (places[start] as number) + i - start) i++;
      writeSync(fd, Uint8Array.from(places.slice(start, i), byteAt), 0, i - start, places[start] as number);
    }
  } finally {
    closeSync(fd);
  }
}

async function run(file: KernelFile, how: number): Promise<void> {
  const format = (how & 1) === 0 ? "kdump" : "elf";
  const privacy = file.privacy && (how & 2) !== 0;
  const level = privacy || (how & 12) !== 12 ? 31 : how >> 4;
  const dump = openDump(file.path, new Warnings(), { salvage: (how & 16) !== 0 });
  await checkedRun(dump, { level, format, privacy }, threads);
}

/** A recipe: the kernel, the run's options, then the changes. */
const structsTarget: FuzzTarget = {
  name: "run-structs",
  longest: 8 * MOST_CHANGES,
  seeds() {
    const random = randomFrom(11);
    const plain = Array.from({ length: 4 * kernelFiles() }, (_, i) => Uint8Array.of(i, i));
    return [...plain, ...plain.map((seed) => Uint8Array.of(...seed, ...Array.from({ length: 24 }, () => random(256))))];
  },
  async run(input) {
    const recipe = new Recipe(input);
    const file = kernelFile(recipe.number(1));
    const how = recipe.number(1);
    const damage = damageOf(file, recipe);
    try {
      write(file, damage, (at) => damage.get(at) as number);
      await run(file, how);
    } catch (error) {
      if (!(error instanceof DumpError) || input.length > 2) throw error;
      throw new Error(`an undamaged kernel cannot be filtered: ${error.message}`);
    } finally {
      write(file, damage, (at) => file.bytes[at] as number);
    }
  },
};

export const kernelRunTargets: readonly FuzzTarget[] = [structsTarget];
