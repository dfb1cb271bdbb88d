import { type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import type { Dump } from "../../reader/dump.js";
import type { PfnRange } from "../../reader/pfn-range.js";
import { type Resource, resourceAt, resourcesNamed } from "./resources.js";

/** The name of both resources, as in /proc/iomem (kernel/kexec_core.c, crash_reserve.c; since 2.6.13). */
const NAME = "Crash kernel";
/** IORESOURCE_BUSY, which the kernel's own memory resources have. */
const BUSY = 0x8000_0000;

/**
 * The memory reserved with crashkernel=: crashk_res and crashk_low_res. It contains the crash kernel's image and its
 * initramfs, which may have the keys for sending dumps over the network, but nothing of the crashed kernel. A
 * hypervisor's dump contains it, /proc/vmcore does not. Found without symbols and types: a `struct resource` in the
 * kernel's image that has this name. Empty if nothing is reserved; `undefined` if the image cannot be searched. Costs
 * reading the image; with symbols, `namedCrashKernel` costs nothing.
 */
export function crashKernelRanges(dump: Dump, view: KernelView): readonly PfnRange[] | undefined {
  const memory = viewMemory(dump, view);
  const named = memory && resourcesNamed(dump, memory, [NAME]);
  const found: PfnRange[] = [];
  for (const one of named?.get(NAME) ?? []) {
    const range = pagesOf(dump, one);
    if (range !== undefined && !found.some(({ startPfn }) => startPfn === range.startPfn)) found.push(range);
  }
  return named && found;
}

/** The same ranges from the two variables; `undefined` if symbols or types lack them. */
export function namedCrashKernel(dump: Dump, { memory, symbols, types }: KernelObjects): PfnRange[] | undefined {
  const name = types.member("resource", "name")?.offset;
  const main = symbols.address("crashk_res");
  // On 32-bit machines the offset of the next member does not show the size of an address: there may be padding.
  if (name === undefined || main === undefined || memory.wordSize === 4) return undefined;
  return [main, symbols.address("crashk_low_res")]
    .flatMap((address) => (address === undefined ? [] : resourceAt(dump, memory, address + BigInt(name))))
    .map((one) => pagesOf(dump, one))
    .filter((range) => range !== undefined);
}

function pagesOf({ pageSize }: Dump, { start, end, flags }: Resource): PfnRange | undefined {
  if ((flags & BUSY) === 0 || start % pageSize !== 0 || end % pageSize !== 0) return undefined;
  return { startPfn: start / pageSize, endPfn: end / pageSize };
}
