import type { AddressSpace } from "../../kernel/address-space.js";
import { type KernelObjects, readMember, walkList } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { keyPayloads } from "./key-payloads.js";
import { managementBuffers } from "./management-controllers.js";

const MAX_POOLS = 1 << 8;

/** Physical addresses, ascending, of which the slab objects that they lie in have nothing but users' data. */
export interface WholeObjects {
  /** What keys hold; `undefined` if keyrings were not found. */
  readonly keys: readonly number[] | undefined;
  /** Words with parts of keys, in objects that are the kernel's. */
  readonly words: readonly number[];
  /** Buffers of zswap and management controllers. */
  readonly buffers: readonly number[];
  /** What may exist but was not found, in the words of `remains`. */
  readonly missing: readonly string[];
}

export function wholeObjects(space: AddressSpace, kernel: KernelObjects): WholeObjects {
  const places = (addresses: readonly bigint[]) => sortedPlaces(space, addresses);
  const payloads = keyPayloads(kernel);
  const swap = swapBuffers(kernel);
  const missing = [...(payloads?.unknown ?? [])].map(
    (name) => `what keys of the type ${name} lead to: its module has no types`,
  );
  if (swap === undefined) missing.push("what zswap compressed last on each CPU: nothing says where that is");
  // The search for answers of management controllers says whether they are known.
  const controllers = managementBuffers(kernel) ?? [];
  return {
    keys: payloads && places(payloads.addresses),
    words: places(payloads?.words ?? []),
    buffers: places([...(swap ?? []), ...controllers]),
    missing,
  };
}

/** Physical addresses, ascending, of those that the kernel's page tables have. */
export function sortedPlaces(space: AddressSpace, addresses: readonly bigint[]): number[] {
  return addresses
    .map((address) => space.translate(address)?.paddr ?? -1)
    .filter((paddr) => paddr >= 0)
    .sort((a, b) => a - b);
}

/**
 * Where each CPU has the page that zswap compressed last: of its own (until 6.7), or of each pool. `undefined` if the
 * kernel has zswap, but symbols or types do not lead there.
 */
export function swapBuffers(kernel: KernelObjects): bigint[] | undefined {
  const { memory, symbols } = kernel;
  const found: bigint[] = [];
  const cpus = possibleCpus(kernel) ?? [];
  const known = kernel.types.sizeOf("zswap_pool") !== undefined;
  const add = (address: bigint | undefined) => {
    if (address && memory.isKernelAddress(address)) found.push(address);
  };
  const own = symbols.address("zswap_dstmem");
  const pools = symbols.address("zswap_pools");
  for (const cpu of own === undefined ? [] : cpus) {
    const at = perCpuAddress(kernel, own as bigint, cpu);
    add(at === undefined ? undefined : memory.readWord(at));
  }
  const ofPools = pools !== undefined && kernel.types.member("crypto_acomp_ctx", "buffer") !== undefined;
  if (known && (cpus.length === 0 || (own === undefined && !ofPools))) return undefined;
  if (!ofPools) return found;
  for (const pool of walkList(kernel, pools, "zswap_pool", "list", MAX_POOLS)) {
    const contexts = readMember(kernel, "zswap_pool", pool, "acomp_ctx");
    for (const cpu of contexts ? cpus : []) {
      const at = perCpuAddress(kernel, contexts as bigint, cpu);
      add(at === undefined ? undefined : readMember(kernel, "crypto_acomp_ctx", at, "buffer"));
    }
  }
  return found;
}
