import { imageRange } from "../../kernel/debuginfo/image-range.js";
import { scanMemory } from "../../kernel/debuginfo/kernel-bytes.js";
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { attachSpace, type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import type { Dump } from "../../reader/dump.js";
import type { PfnRange } from "../../reader/pfn-range.js";

/** The most resources of a name, and the most words that lead to it of which they are sought: a kernel has two. */
const MAX_FOUND = 64;
const MAX_POINTERS = 4096;
/** Bytes of struct resource around its name. */
const RESOURCE = 32;
/** Of the kernel itself, as in /proc/iomem; the first begins before _stext, or there. */
const IMAGE = ["Kernel code", "Kernel rodata", "Kernel data", "Kernel bss"];
/** IORESOURCE_TYPE_BITS, and IORESOURCE_MEM. Since 4.6 further bits say that it is the machine's memory. */
const TYPE = 0x1f00;
const MEMORY = 0x0200;

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
  if (places.size === 0) return any ? new Map() : undefined;
  const searches = [...places].map(([name, place]) => new Search(name, wordOf(memory, place)));
  // Data are behind read-only data, and a member's address is a multiple of its size.
  const first = [...places.values()].reduce((least, place) => (place < least ? place : least));
  const start = first - (first % BigInt(memory.pageSize));
  scanMemory(memory, start, Number(image.start + BigInt(image.length) - start), RESOURCE, (bytes, vaddr) => {
    for (const search of searches) search.in(bytes, vaddr, dump, memory);
    return searches.every(({ ended }) => ended);
  });
  return new Map(searches.map(({ name, found }) => [name, found]));
}

/** What words lead to that are a name's address. The bounds are each name's: damage that repeats one does not hide the others. */
class Search {
  readonly found: Resource[] = [];
  #left = MAX_POINTERS;

  constructor(
    readonly name: string,
    readonly pointer: Buffer,
  ) {}

  get ended(): boolean {
    return this.#left === 0 || this.found.length >= MAX_FOUND;
  }

  in(bytes: Buffer, vaddr: bigint, dump: Dump, memory: KernelMemory): void {
    const { pointer, found } = this;
    for (let at = bytes.indexOf(pointer); at !== -1 && !this.ended; at = bytes.indexOf(pointer, at + 1)) {
      if (at % memory.wordSize !== 0) continue;
      this.#left--;
      for (const one of resourceAt(dump, memory, vaddr + BigInt(at))) {
        const isNew = found.every(
          ({ start, end, flags }) => start !== one.start || end !== one.end || flags !== one.flags,
        );
        if (isNew) found.push(one);
      }
    }
  }
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
 * Pages of the kernel's image by the names of its resources, where page tables do not tell it from the direct map (of 32-bit machines)
 * or do not show it. `undefined` if they do not fit together: the code has `_stext`, and all lie behind one another in no more room than an image may have.
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
      (flags & TYPE) === MEMORY &&
      (ranges.length === 0 ? start <= place && end > place : start >= ((ranges.at(-1)?.endPfn ?? 0) - 1) * pageSize) &&
      end - place <= image.length;
    const one = named?.get(name)?.find(isNext);
    if (one !== undefined)
      ranges.push({ startPfn: Math.floor(one.start / pageSize), endPfn: Math.ceil(one.end / pageSize) });
    else if (name === "Kernel code" || name === "Kernel data") return undefined;
  }
  return ranges;
}
