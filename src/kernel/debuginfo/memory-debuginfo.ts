import type { KernelMemory } from "../kernel-memory.js";
import { type Btf, btfHeader, openBtf } from "./btf.js";
import { BTF_HEADER_SIZE, BTF_KIND, BTF_MAGIC } from "./btf-format.js";
import { btfTypes } from "./btf-types.js";
import { imageRange } from "./image-range.js";
import { kallsyms } from "./kallsyms.js";
import { readUpTo, scanMemory } from "./kernel-bytes.js";
import type { KernelSymbols } from "./kernel-symbols.js";
import type { KernelTypes } from "./kernel-types.js";
import { remember } from "./remember.js";

/**
 * The symbols of the dumped kernel from its own memory; `undefined` if it was built without CONFIG_KALLSYMS, or if the
 * dump lacks its tables. Kernels without CONFIG_KALLSYMS_ALL (Debian 12's for arm64, i386, ppc64el, s390x) list functions
 * only; of their variables there are those that VMCOREINFO has. Takes 70 ms for the 87,348 symbols of Debian's 6.1, and
 * 160 to 220 ms where the tables must be searched for (before 6.0): callers keep the result. Throws what reading the
 * dump's memory throws.
 */
export function findSymbols(memory: KernelMemory): KernelSymbols | undefined {
  const found = kallsyms(memory);
  if (found === undefined) return undefined;
  // If mem_section is a pointer (SPARSEMEM_EXTREME since 4.15), VMCOREINFO has its value and not its address.
  const exportedAs = (name: string) => (name === "mem_section" ? undefined : memory.info.symbol(name));
  return {
    ...found,
    address: remember((name: string) => found.address(name) ?? exportedAs(name)),
    addresses(name) {
      const addresses = found.addresses(name);
      const exported = addresses.length === 0 ? exportedAs(name) : undefined;
      return exported === undefined ? addresses : [exported];
    },
  };
}

/**
 * The types of the dumped kernel from its own memory (CONFIG_DEBUG_INFO_BTF, 5.2 and later); `undefined` if it has
 * none. They are between two symbols; if `symbols` lacks those, the kernel's image is searched for BTF. Takes 30 ms for
 * Debian's, 50 ms with a search, 180 ms to find that there are none: callers keep the result. Throws what reading the
 * dump's memory throws.
 */
export function findTypes(memory: KernelMemory, symbols: KernelSymbols | undefined): KernelTypes | undefined {
  const btf = btfOfSymbols(memory, symbols) ?? scanForBtf(memory);
  return btf === undefined ? undefined : btfTypes(btf, memory.wordSize, "BTF in memory");
}

function btfOfSymbols(memory: KernelMemory, symbols: KernelSymbols | undefined): Btf | undefined {
  const start = symbols?.address("__start_BTF");
  const stop = symbols?.address("__stop_BTF");
  if (start === undefined || stop === undefined || stop <= start) return undefined;
  return btfAt(memory, start, Number(stop - start));
}

/** Debian's kernels have 3 to 6 MB. */
const MAX_BTF = 64 << 20;

function btfAt(memory: KernelMemory, vaddr: bigint, limit: number): Btf | undefined {
  const view = memory.readView(vaddr, BTF_HEADER_SIZE);
  const header = view === undefined ? undefined : btfHeader(new Uint8Array(view.buffer));
  if (header === undefined || header.littleEndian !== memory.littleEndian) return undefined;
  const length = Math.max(header.typesEnd, header.stringsEnd);
  if (length > Math.min(limit, MAX_BTF)) return undefined;
  const bytes = readUpTo(memory, vaddr, length);
  const btf = bytes.length < length ? undefined : openBtf(bytes);
  return btf !== undefined && isKernelBtf(btf) ? btf : undefined;
}

/** Modules and BPF programs have BTF too; only the kernel's own has these two structs. */
function isKernelBtf(btf: Btf): boolean {
  return ["page", "task_struct"].every((name) => {
    for (const type of btf.named(name, [BTF_KIND.STRUCT])) return type.vlen > 0;
    return false;
  });
}

/** The most headers that are tried although they lead to no kernel's types; each costs reading what it claims. */
const MAX_TRIES = 32;

function scanForBtf(memory: KernelMemory): Btf | undefined {
  const range = imageRange(memory);
  if (range === undefined) return undefined;
  // Magic, version 1, no flags.
  const magic = Buffer.alloc(4);
  if (memory.littleEndian) magic.writeUInt16LE(BTF_MAGIC);
  else magic.writeUInt16BE(BTF_MAGIC);
  magic[2] = 1;
  let found: Btf | undefined;
  let tries = 0;
  scanMemory(memory, range.start, range.length, magic.length, (bytes, vaddr) => {
    for (let at = bytes.indexOf(magic); at >= 0 && tries < MAX_TRIES; at = bytes.indexOf(magic, at + 1)) {
      if (at % 4 !== 0) continue;
      tries++;
      found = btfAt(memory, vaddr + BigInt(at), MAX_BTF);
      if (found !== undefined) return true;
    }
    return tries >= MAX_TRIES;
  });
  return found;
}
