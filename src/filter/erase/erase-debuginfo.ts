import type { Dump } from "../../reader/dump.js";
import type { KernelObjects } from "../debuginfo/kernel-objects.js";
import type { KernelSymbols } from "../debuginfo/kernel-symbols.js";
import { findSymbols, findTypes } from "../debuginfo/memory-debuginfo.js";
import { openVmlinux, type Vmlinux } from "../debuginfo/vmlinux.js";
import type { KernelMemory } from "../kernel-memory.js";
import { type KernelView, viewMemory } from "../kernel-view.js";

/** Symbols and types for rules, until `close`. */
export interface EraseDebuginfo {
  /** `undefined`: the dump has neither. */
  readonly kernel: KernelObjects | undefined;
  close(): void;
}

/**
 * Symbols and types of the vmlinux that was given (DWARF goes first: it has the types of variables), else those that the
 * kernel's memory has. Throws what `openVmlinux` does.
 */
export function eraseDebuginfo(dump: Dump, view: KernelView, vmlinux: string | undefined): EraseDebuginfo {
  const memory = viewMemory(dump, view);
  if (memory === undefined) return { kernel: undefined, close: () => undefined };
  if (vmlinux === undefined) {
    const symbols = findSymbols(memory);
    const types = symbols && findTypes(memory, symbols);
    return { kernel: symbols && types && { memory, symbols, types }, close: () => undefined };
  }
  const file = openVmlinux(vmlinux, ["dwarf", "btf"]);
  return { kernel: { memory, symbols: linkedSymbols(memory, file), types: file.types }, close: () => file.close() };
}

/** VMCOREINFO has these in every kernel. */
const ANCHORS = ["_stext", "init_uts_ns", "swapper_pg_dir", "system_utsname"];

/** A vmlinux's symbols, moved by as much as the kernel was. Per-CPU symbols below all kernel addresses are offsets, and stay. */
function linkedSymbols(memory: KernelMemory, { symbols, linked }: Vmlinux): KernelSymbols {
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
