/** Kernel memory for tests: bytes at virtual addresses, and VMCOREINFO. */
import type { KernelMemory } from "../../src/kernel/kernel-memory.js";
import { parseVmcoreinfo } from "../../src/reader/vmcoreinfo.js";
import { Warnings } from "../../src/warnings.js";
import type { ByteOrder } from "./bytes.js";

export interface VirtualMemoryOptions {
  readonly vaddr: bigint;
  readonly bytes: Uint8Array;
  readonly wordSize?: 4 | 8;
  readonly byteOrder?: ByteOrder;
  /** Lines of VMCOREINFO. */
  readonly info?: readonly string[];
}

const PAGE = 4096;

/** Memory that has `bytes` at `vaddr` and nothing else; every address from `vaddr` on counts as the kernel's. */
export function virtualMemory(options: VirtualMemoryOptions): KernelMemory {
  const { vaddr, bytes, wordSize = 8, byteOrder = "little", info = [] } = options;
  const littleEndian = byteOrder === "little";
  const readView = (at: bigint, length: number): DataView | undefined => {
    const from = at - vaddr;
    if (from < 0n || from + BigInt(length) > BigInt(bytes.length)) return undefined;
    return new DataView(bytes.slice(Number(from), Number(from) + length).buffer);
  };
  return {
    info: parseVmcoreinfo(info.join("\n"), new Warnings()),
    wordSize,
    littleEndian,
    pageSize: PAGE,
    isKernelAddress: (at) => at >= vaddr,
    readView,
    readWord(at) {
      const view = readView(at, wordSize);
      if (view === undefined) return undefined;
      return wordSize === 8 ? view.getBigUint64(0, littleEndian) : BigInt(view.getUint32(0, littleEndian));
    },
  };
}
