import type { KernelMemory } from "../kernel-memory.js";
import type { KernelSymbols } from "./kernel-symbols.js";
import type { Vmlinux } from "./vmlinux.js";

/** VMCOREINFO has these in every kernel. */
const ANCHORS = ["_stext", "init_uts_ns", "swapper_pg_dir", "system_utsname"];

/**
 * A vmlinux's symbols, moved by the distance that the kernel was moved. Per-CPU symbols below all kernel addresses are
 * offsets, and are not moved.
 */
export function linkedSymbols(memory: KernelMemory, { symbols, linked }: Vmlinux): KernelSymbols {
  let shift = 0n;
  for (const name of ANCHORS) {
    const there = memory.info.symbol(name);
    const here = linked(name)?.address;
    if (there === undefined || here === undefined) continue;
    shift = there - here;
    break;
  }
  const moved = (address: bigint) =>
    memory.isKernelAddress(address) ? BigInt.asUintN(memory.wordSize * 8, address + shift) : address;
  const addresses = (name: string) => [...new Set(symbols.named(name).map(({ address }) => moved(address)))];
  return {
    source: "vmlinux",
    addresses,
    address: (name) => addresses(name)[0],
    nearest: () => undefined,
  };
}
