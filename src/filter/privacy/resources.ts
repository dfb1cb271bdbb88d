import { imageRange } from "../../kernel/debuginfo/image-range.js";
import { scanMemory } from "../../kernel/debuginfo/kernel-bytes.js";
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { attachSpace, type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import type { Dump } from "../../reader/dump.js";
import type { PfnRange } from "../../reader/pfn-range.js";

/** The most places with a text that are checked. */
const MAX_FOUND = 64;
/** Bytes of struct resource around its name. */
const RESOURCE = 32;
/** Of the kernel itself, as in /proc/iomem; the first begins before _stext, or there. */
const IMAGE = ["Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"];
/** IORESOURCE_SYSTEM_RAM */
const MEMORY = 0x0100_0200;

/** A `struct resource`: physical addresses [start, end). */
export interface Resource {
  readonly start: number;
  readonly end: number;
  readonly flags: number;
}

/**
 * What may be a `struct resource` with one of these names, in the kernel's image: found by the text, and then by words that point to
 * it. Needs neither symbols nor types, and costs reading the image. `undefined` if the image cannot be searched.
 */
export function resourcesNamed(
  dump: Dump,
  memory: KernelMemory,
  names: readonly string[],
): ReadonlyMap<string, readonly Resource[]> | undefined {
  const image = imageRange(memory);
  if (image === undefined) return undefined;
  const texts = names.map((name) => ({ name, bytes: Buffer.from(`\0${name}\0`, "latin1") }));
  const longest = Math.max(...texts.map(({ bytes }) => bytes.length));
  const places = new Map<string, bigint>();
  let any = false;
  scanMemory(memory, image.start, image.length, longest, (bytes, vaddr) => {
    any = true;
    for (const text of texts) {
      const at = places.has(text.name) ? -1 : bytes.indexOf(text.bytes);
      if (at !== -1) places.set(text.name, vaddr + BigInt(at + 1));
    }
    return places.size === texts.length;
  });
  const found = new Map<string, Resource[]>();
  if (places.size === 0) return any ? found : undefined;
  const pointers = [...places].map(([name, place]) => ({ name, bytes: wordOf(memory, place) }));
  // Data are behind read-only data, and a member's address is a multiple of its size.
  const first = [...places.values()].reduce((least, place) => (place < least ? place : least));
  const start = first - (first % BigInt(memory.pageSize));
  let count = 0;
  scanMemory(memory, start, Number(image.start + BigInt(image.length) - start), RESOURCE, (bytes, vaddr) => {
    for (const { name, bytes: pointer } of pointers) {
      for (let at = bytes.indexOf(pointer); at !== -1; at = bytes.indexOf(pointer, at + 1)) {
        if (at % memory.wordSize !== 0) continue;
        const resources = resourceAt(dump, memory, vaddr + BigInt(at));
        found.set(name, [...(found.get(name) ?? []), ...resources]);
        count += resources.length;
      }
    }
    return count >= MAX_FOUND;
  });
  return found;
}

function wordOf(memory: KernelMemory, value: bigint): Buffer {
  const word = Buffer.alloc(memory.wordSize);
  const view = new DataView(word.buffer, word.byteOffset, word.length);
  if (memory.wordSize === 8) view.setBigUint64(0, value, memory.littleEndian);
  else view.setUint32(0, Number(BigInt.asUintN(32, value)), memory.littleEndian);
  return word;
}

/**
 * The struct resource whose `name` is at an address: `start` and `end` (the last byte) are before it, `flags` behind it.
 * On 32-bit machines they have 64 bits if physical addresses are large, otherwise 32: what fits, in this order.
 */
export function resourceAt(dump: Dump, memory: KernelMemory, at: bigint): Resource[] {
  const bytes = memory.readView(at - 16n, 16 + 2 * memory.wordSize);
  if (bytes === undefined) return [];
  const flags = bytes.getUint32(
    16 + memory.wordSize + (memory.wordSize === 8 && !memory.littleEndian ? 4 : 0),
    memory.littleEndian,
  );
  const found: Resource[] = [];
  for (const width of memory.wordSize === 8 ? [8] : [8, 4]) {
    const read = (offset: number) =>
      width === 8
        ? Number(bytes.getBigUint64(offset, memory.littleEndian))
        : bytes.getUint32(offset, memory.littleEndian);
    const [start, last] = [read(16 - 2 * width), read(16 - width)];
    const end = last + 1;
    if (start === 0 || end <= start || end / dump.pageSize > dump.maxMapnr) continue;
    found.push({ start, end, flags });
  }
  return found;
}

/**
 * Pages of the kernel's image by the names of its resources, for machines whose page tables do not tell it from the direct map (32-bit
 * ones). `undefined` if they do not fit together: the code has `_stext`, and all lie behind one another in no more room than an image may have.
 */
export function namedImage(dump: Dump, view: KernelView): readonly PfnRange[] | undefined {
  const memory = viewMemory(dump, view);
  const stext = memory?.info.symbol("_stext");
  const place = stext === undefined ? undefined : attachSpace(view.space, dump.memory).translate(stext)?.paddr;
  const image = memory && imageRange(memory);
  if (memory === undefined || place === undefined || image === undefined) return undefined;
  const named = resourcesNamed(dump, memory, IMAGE);
  const { pageSize } = dump;
  const ranges: PfnRange[] = [];
  for (const name of IMAGE) {
    const isNext = ({ start, end, flags }: Resource) =>
      (flags & MEMORY) === MEMORY &&
      (ranges.length === 0 ? start <= place && end > place : start >= ((ranges.at(-1)?.endPfn ?? 0) - 1) * pageSize) &&
      end - place <= image.length;
    const one = named?.get(name)?.find(isNext);
    if (one !== undefined)
      ranges.push({ startPfn: Math.floor(one.start / pageSize), endPfn: Math.ceil(one.end / pageSize) });
    else if (name === "Kernel code" || name === "Kernel data") return undefined;
  }
  return ranges;
}
