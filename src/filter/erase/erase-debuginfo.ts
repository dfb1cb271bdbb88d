import type { Dump } from "../../reader/dump.js";
import type { KernelObjects } from "../debuginfo/kernel-objects.js";
import { linkedSymbols } from "../debuginfo/linked-symbols.js";
import { findSymbols, findTypes } from "../debuginfo/memory-debuginfo.js";
import { openVmlinux } from "../debuginfo/vmlinux.js";
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
