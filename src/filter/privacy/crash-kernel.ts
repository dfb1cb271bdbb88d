import { imageRange } from "../../kernel/debuginfo/image-range.js";
import { scanMemory } from "../../kernel/debuginfo/kernel-bytes.js";
import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import type { Dump } from "../../reader/dump.js";

/** Pages [startPfn, endPfn) that are reserved for the kernel which saves a dump. */
export interface CrashKernelRange {
  readonly startPfn: number;
  readonly endPfn: number;
}

/** The name of both resources, as /proc/iomem shows it (kernel/kexec_core.c, crash_reserve.c; since 2.6.13). */
const NAME = Buffer.from("\0Crash kernel\0", "latin1");
/** IORESOURCE_BUSY: the kernel's own resources of memory have it. */
const BUSY = 0x8000_0000;
/** More places that name the text are passed over. */
const MAX_FOUND = 64;

/**
 * The memory reserved with crashkernel=: crashk_res and crashk_low_res. It holds the crash kernel's image and its initramfs, with the keys
 * that this one logs in with where dumps go over the network; nothing of the crashed kernel is there. A hypervisor's dump has it, /proc/vmcore not.
 * Found without symbols and types: a `struct resource` in the kernel's image that has this name. Empty where nothing is reserved; `undefined` if
 * the image cannot be searched. Costs reading the image: where there are symbols `namedCrashKernel` costs nothing.
 */
export function crashKernelRanges(dump: Dump, view: KernelView): readonly CrashKernelRange[] | undefined {
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
  const found: CrashKernelRange[] = [];
  // Data lie behind read-only data, and a member's address is a multiple of its size.
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

/** The same by the two variables; `undefined` where symbols or types do not have them. */
export function namedCrashKernel(
  dump: Dump,
  { memory, symbols, types }: KernelObjects,
): CrashKernelRange[] | undefined {
  const name = types.member("resource", "name")?.offset;
  const main = symbols.address("crashk_res");
  // On 32-bit machines the size of an address is not told by the offset of what follows: padding may be before it.
  if (name === undefined || main === undefined || memory.wordSize === 4) return undefined;
  return [main, symbols.address("crashk_low_res")]
    .map((address) => (address === undefined ? undefined : resourceAt(dump, memory, address + BigInt(name))))
    .filter((range) => range !== undefined);
}

/** Bytes of struct resource around its name. */
const RESOURCE = 32;

/**
 * The range of the struct resource whose `name` is at an address: `start` and `end` (the last byte) lie before it, `flags` behind. On 32-bit
 * machines they have 64 bits with large physical addresses, else 32.
 */
function resourceAt(dump: Dump, memory: KernelMemory, at: bigint): CrashKernelRange | undefined {
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
