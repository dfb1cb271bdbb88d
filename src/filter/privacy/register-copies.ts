import type { BytePiece } from "../../kernel/arch/registers.js";
import { wordAt } from "../../reader/fields.js";

/** The least consecutive words of a copy of registers, and how many of them must be specific. */
const LEAST_WORDS = 4;
const LEAST_TELLING = 2;
/** Smaller values (0, small numbers, descriptors) are everywhere. */
const TELLING = 1n << 16n;

/**
 * Values above all addresses of programs (56 bits, with five levels of page tables) and below the kernel's: text and
 * numbers, which have no meaning for the reader of a stack. Not distinguished on 32-bit machines.
 */
const PAYLOAD = [1n << 56n, 0xff00_0000_0000_0000n] as const;

/** The form of a machine's words. */
export interface WordForm {
  readonly wordSize: 4 | 8;
  readonly littleEndian: boolean;
}

/**
 * Copies of a set of registers in some memory: pieces with at least four words of the set, in its order, of which at
 * least two are neither small nor all ones; and single words with a value of the set that cannot be an address, because
 * functions save registers in any order. When a CPU is stopped while a program runs on it, its registers are written
 * into a `struct elf_prstatus` (crash_save_cpu), first on a stack, with pr_reg in the order of struct pt_regs. `skip`
 * is the set itself, if it is in the same memory.
 */
export function registerCopies(
  memory: DataView,
  registers: readonly bigint[],
  { wordSize, littleEndian }: WordForm,
  skip: BytePiece = [0, 0],
): BytePiece[] {
  const all = (1n << BigInt(8 * wordSize)) - 1n;
  const telling = registers.map((value) => value >= TELLING && value !== all);
  /** The places of each value in the set: copies may begin anywhere in it. */
  const places = new Map<bigint, number[]>();
  registers.forEach((value, i) => {
    if (!telling[i]) return;
    const known = places.get(value);
    if (known === undefined) places.set(value, [i]);
    else known.push(i);
  });
  const found: BytePiece[] = [];
  if (places.size === 0) return found;
  const word = (at: number) => wordAt(memory, at, wordSize, littleEndian);
  const inside = (at: number) => at >= 0 && at + wordSize <= memory.byteLength && (at < skip[0] || at >= skip[1]);
  let done = 0;
  for (let at = 0; at + wordSize <= memory.byteLength; at += wordSize) {
    if (at < done || !inside(at)) continue;
    const value = word(at);
    for (const place of places.get(value) ?? []) {
      let [first, last] = [0, 1];
      const same = (k: number) =>
        place + k >= 0 &&
        place + k < registers.length &&
        inside(at + k * wordSize) &&
        word(at + k * wordSize) === registers[place + k];
      while (same(first - 1)) first--;
      while (same(last)) last++;
      const tell = telling.slice(place + first, place + last).filter(Boolean).length;
      if (last - first < LEAST_WORDS || tell < LEAST_TELLING) continue;
      found.push([at + first * wordSize, at + last * wordSize]);
      done = at + last * wordSize;
      break;
    }
    if (at >= done && wordSize === 8 && value >= PAYLOAD[0] && value < PAYLOAD[1] && places.has(value)) {
      found.push([at, at + wordSize]);
    }
  }
  return found;
}

/** The words of a piece of memory. */
export function wordsOf(memory: DataView, [from, to]: BytePiece, { wordSize, littleEndian }: WordForm): bigint[] {
  const words: bigint[] = [];
  for (let at = from; at + wordSize <= to; at += wordSize) words.push(wordAt(memory, at, wordSize, littleEndian));
  return words;
}
