import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { areaAt, type MappedArea } from "./areas.js";

/** The most pages that are searched for a module: 256 MiB. Each costs about 1 µs. */
const MAX_PAGES = 1 << 16;
const MAX_MODULES = 1 << 14;
/** MODULE_STATE_UNFORMED is the highest. */
const MAX_STATE = 3;
/** struct module has 600 to 1500 bytes; its pointers to the module's memory are about in the first half. */
const MODULE_SIZE = 2048;
/** A list_head and 32 bytes of name behind the state are checked. */
const HEAD_SIZE = 64;

/**
 * The areas of modules, found without symbols or types: a struct module begins with its state, its place in the list of
 * modules, and its name. One is found by that, and confirmed if its neighbours in the list point back to it; the list
 * then leads to all modules. The result are the areas that contain them, and the areas to which they point.
 */
export function moduleAreas(
  kernel: KernelMemory,
  areas: readonly MappedArea[],
  readPage: (pfn: number) => DataView | undefined,
): { readonly areas: ReadonlySet<MappedArea>; readonly modules: number; readonly cut: boolean } {
  const found = new Set<MappedArea>();
  const { first, cut } = firstModule(kernel, areas, readPage);
  const modules = first === undefined ? [] : listOfModules(kernel, first, areas);
  const page = BigInt(kernel.pageSize);
  for (const module of modules) {
    const own = areaAt(areas, module, kernel.pageSize);
    if (own !== undefined) found.add(own);
    for (let at = 0; at < MODULE_SIZE; at += kernel.wordSize) {
      const value = kernel.readWord(module + BigInt(at));
      if (value === undefined) break;
      const area = value !== 0n && value % page === 0n ? areaAt(areas, value, kernel.pageSize) : undefined;
      if (area !== undefined) found.add(area);
    }
  }
  return { areas: found, modules: modules.length, cut };
}

function firstModule(
  kernel: KernelMemory,
  areas: readonly MappedArea[],
  readPage: (pfn: number) => DataView | undefined,
): { first: bigint | undefined; cut: boolean } {
  const { wordSize, pageSize, littleEndian } = kernel;
  let left = MAX_PAGES;
  for (const { vaddr, pfns } of areas) {
    for (let i = 0; i < pfns.length; i++) {
      const bytes = readPage(pfns[i] as number);
      // Registers of devices are mapped, too.
      if (bytes === undefined) continue;
      if (left-- === 0) return { first: undefined, cut: true };
      for (let at = 0; at + HEAD_SIZE <= pageSize; at += wordSize) {
        if (bytes.getUint32(at, littleEndian) > MAX_STATE) continue;
        if (wordSize === 8 && bytes.getUint32(at + 4, littleEndian) !== 0) continue;
        if (!isName(bytes, at + 3 * wordSize)) continue;
        const module = vaddr + BigInt(i * pageSize + at);
        if (isModule(kernel, module)) return { first: module, cut: false };
      }
    }
  }
  return { first: undefined, cut: false };
}

/** Whether there are letters, digits and _ or -, at least two, and then a NUL (or more of them than are checked). */
function isName(bytes: DataView, start: number): boolean {
  for (let at = start; at < start + 32; at++) {
    const char = bytes.getUint8(at);
    if (char === 0) return at - start >= 2;
    const letter = (char | 32) >= 97 && (char | 32) <= 122;
    if (!letter && !(char >= 48 && char <= 57) && char !== 95 && char !== 45) return false;
  }
  return true;
}

function isModule(kernel: KernelMemory, module: bigint): boolean {
  const word = BigInt(kernel.wordSize);
  const list = module + word;
  const next = kernel.readWord(list);
  const prev = kernel.readWord(list + word);
  if (next === undefined || prev === undefined || next === list || prev === list) return false;
  if (!kernel.isKernelAddress(next) || !kernel.isKernelAddress(prev) || next % word !== 0n) return false;
  return kernel.readWord(next + word) === list && kernel.readWord(prev) === list;
}

/** All modules of the list, without its head, which is a variable of the kernel and so in no area. */
function listOfModules(kernel: KernelMemory, first: bigint, areas: readonly MappedArea[]): bigint[] {
  const word = BigInt(kernel.wordSize);
  const modules: bigint[] = [];
  let module: bigint | undefined = first;
  while (module !== undefined && modules.length < MAX_MODULES) {
    if (areaAt(areas, module, kernel.pageSize) !== undefined) modules.push(module);
    const next = kernel.readWord(module + word);
    module = next === undefined || next === 0n || next - word === first ? undefined : next - word;
  }
  return modules;
}
