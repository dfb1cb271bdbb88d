import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";

/** NAPI_SKB_CACHE_SIZE is 64, in some kernels 128. */
const MOST_SPARE = 1024;

/**
 * Physical addresses of structs sk_buff that CPUs keep for their next packets (napi_alloc_cache, net/core/skbuff.c). To
 * the allocator they are in use, but their packets are freed: where they point to, somebody else may have data. Empty
 * without types or symbols, and where the kernel keeps none. About 100 reads for each CPU.
 */
export function spareHeads(space: AddressSpace, kernel: KernelObjects): ReadonlySet<number> {
  const found = new Set<number>();
  const variable = kernel.symbols.address("napi_alloc_cache");
  const list = kernel.types.member("napi_alloc_cache", "skb_cache");
  if (variable === undefined || list === undefined) return found;
  const { wordSize } = kernel.memory;
  const room = Math.min(MOST_SPARE, Math.floor(list.size / wordSize));
  for (const cpu of possibleCpus(kernel) ?? []) {
    const cache = perCpuAddress(kernel, variable, cpu);
    const count = cache && readMember(kernel, "napi_alloc_cache", cache, "skb_count");
    for (let i = 0; cache !== undefined && i < Math.min(room, Number(count ?? 0n)); i++) {
      const head = kernel.memory.readWord(cache + BigInt(list.offset + i * wordSize));
      const place = head === undefined ? undefined : space.translate(head);
      if (place !== undefined) found.add(place.paddr);
    }
  }
  return found;
}
