import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import type { Dump } from "../../reader/dump.js";
import type { LinearRange } from "./linear-memory.js";

/** RESERVE_MEM_MAX_ENTRIES (mm/memblock.c). */
const NAMED_REGIONS = 8;

/**
 * Memory that was reserved at boot and is in the kernel's direct map, but has what others put there: an initramfs that
 * was not freed (retain_initrd), and regions that the command line reserves by name (reserve_mem=, 6.12 and later: for
 * ramoops, with what programs write to /dev/pmsg0, and for traces). Empty where symbols or types do not lead to it.
 */
export function reservedRanges(dump: Dump, space: AddressSpace, kernel: KernelObjects): LinearRange[] {
  const { memory, symbols, types } = kernel;
  const { pageSize, maxMapnr } = dump;
  const found: LinearRange[] = [];
  const add = (start: bigint, size: bigint) => {
    if (size === 0n || start + size > BigInt(maxMapnr) * BigInt(pageSize)) return;
    // What shares a page with others stays.
    const startPfn = Math.ceil(Number(start) / pageSize);
    const endPfn = Math.floor(Number(start + size) / pageSize);
    if (endPfn > startPfn) found.push({ startPfn, endPfn });
  };
  const [first, last] = ["initrd_start", "initrd_end"].map((name) => {
    const at = symbols.address(name);
    return at === undefined ? undefined : memory.readWord(at);
  });
  // Both are 0 when it was freed.
  if (first && last && last > first && memory.isKernelAddress(first)) {
    const place = space.translate(first);
    if (place !== undefined) add(BigInt(place.paddr), last - first);
  }
  const table = symbols.address("reserved_mem_table");
  const entry = types.sizeOf("reserve_mem_table");
  for (let i = 0; table !== undefined && entry && i < NAMED_REGIONS; i++) {
    const region = table + BigInt(i * entry);
    const start = readMember(kernel, "reserve_mem_table", region, "start");
    const size = readMember(kernel, "reserve_mem_table", region, "size");
    if (start && size) add(start, size);
  }
  return found;
}
