import { imageRange } from "../../kernel/debuginfo/image-range.js";
import { scanMemory } from "../../kernel/debuginfo/kernel-bytes.js";
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import type { Dump } from "../../reader/dump.js";
import type { PfnRange } from "../../reader/pfn-range.js";

/** The name of both resources, as in /proc/iomem (kernel/kexec_core.c, crash_reserve.c; since 2.6.13). */
const NAME = Buffer.from("\0Crash kernel\0", "latin1");
/** IORESOURCE_BUSY, which the kernel's own memory resources have. */
const BUSY = 0x8000_0000;
/** The most places with the text that are checked. */
const MAX_FOUND = 64;

/**
 * The memory reserved with crashkernel=: crashk_res and crashk_low_res. It contains the crash kernel's image and its
 * initramfs, which may have the keys for sending dumps over the network, but nothing of the crashed kernel. A
 * hypervisor's dump contains it, /proc/vmcore does not. Found without symbols and types: a `struct resource` in the
 * kernel's image that has this name. Empty if nothing is reserved; `undefined` if the image cannot be searched. Costs
 * reading the image; with symbols, `namedCrashKernel` costs nothing.
 */
export function crashKernelRanges(dump: Dump, view: KernelView): readonly PfnRange[] | undefined {
  const memory = viewMemory(dump, view);
  const image = memory && imageRange(memory);
  if (memory === undefined || image === undefined) return undefined;
  const end = image.start + BigInt(image.length);
  let name: bigint | undefined;
  let any = false;
  scanMemory(memory, image.start, image.length, NAME.length, (bytes, vaddr) => {
    any = true;
    const at = bytes.indexOf(NAME);
    if (at !== -1) name = vaddr + BigInt(at + 1);
    return name !== undefined;
  });
  if (name === undefined) return any ? [] : undefined;
  const pointer = Buffer.alloc(memory.wordSize);
  const view64 = new DataView(pointer.buffer, pointer.byteOffset, pointer.length);
  if (memory.wordSize === 8) view64.setBigUint64(0, name, memory.littleEndian);
  else view64.setUint32(0, Number(BigInt.asUintN(32, name)), memory.littleEndian);
  const found: PfnRange[] = [];
  // Data are behind read-only data, and a member's address is a multiple of its size.
  const start = name - (name % BigInt(memory.pageSize));
  scanMemory(memory, start, Number(end - start), RESOURCE, (bytes, vaddr) => {
    for (let at = bytes.indexOf(pointer); at !== -1; at = bytes.indexOf(pointer, at + 1)) {
      if (at % memory.wordSize !== 0) continue;
      const range = resourceAt(dump, memory, vaddr + BigInt(at));
      if (range !== undefined && !found.some(({ startPfn }) => startPfn === range.startPfn)) found.push(range);
    }
    return found.length >= MAX_FOUND;
  });
  return found;
}

/** The same ranges from the two variables; `undefined` if symbols or types lack them. */
export function namedCrashKernel(dump: Dump, { memory, symbols, types }: KernelObjects): PfnRange[] | undefined {
  const name = types.member("resource", "name")?.offset;
  const main = symbols.address("crashk_res");
  // On 32-bit machines the offset of the next member does not show the size of an address: there may be padding.
  if (name === undefined || main === undefined || memory.wordSize === 4) return undefined;
  return [main, symbols.address("crashk_low_res")]
    .map((address) => (address === undefined ? undefined : resourceAt(dump, memory, address + BigInt(name))))
    .filter((range) => range !== undefined);
}

/** Bytes of struct resource around its name. */
const RESOURCE = 32;

/**
 * The range of the struct resource whose `name` is at an address: `start` and `end` (the last byte) are before it,
 * `flags` behind it. On 32-bit machines they have 64 bits if physical addresses are large, otherwise 32.
 */
function resourceAt(dump: Dump, memory: KernelMemory, at: bigint): PfnRange | undefined {
  const bytes = memory.readView(at - 16n, 16 + 2 * memory.wordSize);
  if (bytes === undefined) return undefined;
  const flags = bytes.getUint32(
    16 + memory.wordSize + (memory.wordSize === 8 && !memory.littleEndian ? 4 : 0),
    memory.littleEndian,
  );
  if ((flags & BUSY) === 0) return undefined;
  for (const width of memory.wordSize === 8 ? [8] : [8, 4]) {
    const read = (offset: number) =>
      width === 8
        ? Number(bytes.getBigUint64(offset, memory.littleEndian))
        : bytes.getUint32(offset, memory.littleEndian);
    const [first, last] = [read(16 - 2 * width), read(16 - width)];
    const end = last + 1;
    if (first === 0 || end <= first || first % dump.pageSize !== 0 || end % dump.pageSize !== 0) continue;
    if (end / dump.pageSize > dump.maxMapnr) continue;
    return { startPfn: first / dump.pageSize, endPfn: end / dump.pageSize };
  }
  return undefined;
}
