import type { Dump } from "../reader/dump.js";
import type { AddressSpace } from "./address-space.js";
import type { KernelView } from "./kernel-view.js";

/**
 * Virtual address of physical address 0 in the direct map, for machines that have one at a known place; it may be
 * "negative" (only sums count). `undefined` where the kernel's own page tables do not map memory there. x86-64's is
 * random, and found in the page tables: see `virtualLayout`.
 */
export function fixedDirectMap(dump: Dump, view: KernelView, space: AddressSpace): bigint | undefined {
  const largest = [...dump.ranges].sort((a, b) => b.end - b.start - (a.end - a.start))[0];
  const first = dump.ranges[0];
  if (largest === undefined || first === undefined) return undefined;
  // With little low memory (32-bit machines) only the beginning is mapped.
  const probes = [largest.start, first.start].map((start) => Math.ceil(start / dump.pageSize) * dump.pageSize);
  return candidates(dump, view).find((base) => probes.some((probe) => isDirect(space, base, probe, dump)));
}

/** Where the direct map of a physical range ends: its end, or before, where memory is not mapped any more. */
export function directEnd(
  space: AddressSpace,
  base: bigint,
  { start, end }: { readonly start: number; readonly end: number },
  dump: Dump,
): number {
  const { pageSize } = dump;
  const last = Math.max(start, Math.floor((end - 1) / pageSize) * pageSize);
  if (isDirect(space, base, last, dump)) return end;
  if (!isDirect(space, base, start, dump)) return start;
  let [low, high] = [Math.floor(start / pageSize), Math.floor(last / pageSize)];
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2);
    if (isDirect(space, base, middle * pageSize, dump)) low = middle;
    else high = middle;
  }
  return high * pageSize;
}

function isDirect(space: AddressSpace, base: bigint, paddr: number, { machine }: Dump): boolean {
  return space.translate(BigInt.asUintN(8 * machine.wordSize, base + BigInt(paddr)))?.paddr === paddr;
}

function candidates(dump: Dump, { space, physBase }: KernelView): bigint[] {
  const info = dump.vmcoreinfo;
  switch (space.arch) {
    case "arm64": {
      const t1sz = info?.number("TCR_EL1_T1SZ");
      const bits = t1sz !== undefined && t1sz > 0n && t1sz < 64n ? 64n - t1sz : BigInt(space.vaBits);
      const offset = BigInt.asIntN(64, info?.number("PHYS_OFFSET") ?? physBase);
      // The lower half of the kernel's addresses since 5.4, the upper one before.
      return [-(1n << bits) - offset, -(1n << (bits - 1n)) - offset];
    }
    case "riscv64": {
      const pageOffset = info?.number("PAGE_OFFSET");
      return pageOffset === undefined ? [] : [pageOffset - physBase];
    }
    case "s390x": {
      const identity = info?.items.get("IDENTITYBASE");
      return [identity !== undefined && /^[0-9a-f]{1,16}$/i.test(identity) ? BigInt(`0x${identity}`) : 0n];
    }
    case "ppc64":
      return [0xc000_0000_0000_0000n];
    case "loongarch64":
      return [0x9000_0000_0000_0000n];
    case "mips64":
      return [0x9800_0000_0000_0000n];
    case "i386":
      return [space.pageOffset];
    case "arm":
      return [space.pageOffset - BigInt(space.physOffset)];
    default:
      return [];
  }
}
