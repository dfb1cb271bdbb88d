import { type KernelObjects, readMember, readText, walkList } from "../../../kernel/objects/kernel-objects.js";
import type { CacheShape } from "../../../kernel/objects/slab-walk.js";
import type { KnownObjects } from "./known-objects.js";

const MAX_MODULES = 1 << 12;
const MAX_SYMBOLS = 1 << 20;
const MAX_STRINGS = 64 << 20;
const MAX_MEMORY = 1 << 30;
/** Names from a kernel's sources. Caches per control group of old kernels have the group's name in parentheses. */
const PLAIN_NAME = /^[A-Za-z0-9_:.@/-]{1,64}$/;

/** Keeps the names of slab caches outside of the image, because debuggers find caches by them. */
export function keepCacheNames(kernel: KernelObjects, caches: Iterable<CacheShape>, known: KnownObjects): void {
  for (const { address, name } of caches) {
    const at = readMember(kernel, "kmem_cache", address, "name");
    if (at !== undefined && PLAIN_NAME.test(name)) known.keep(at, name.length + 1);
  }
}

/**
 * Keeps what a debugger shows of modules: code and constants, names, symbols. Their variables are tested word by word.
 * `undefined` if the list of modules is not found.
 */
export function keepModules(kernel: KernelObjects, known: KnownObjects): number | undefined {
  const head = kernel.symbols.address("modules");
  if (head === undefined || kernel.types.member("module", "list") === undefined) return undefined;
  let modules = 0;
  for (const module of walkList(kernel, head, "module", "list", MAX_MODULES)) {
    modules++;
    known.object("struct module", module);
    keepCode(kernel, module, known);
    keepSymbols(kernel, module, known);
  }
  return modules;
}

/** Keeps code and constants: the first parts of one piece of memory; separate pieces since 6.4. */
function keepCode(kernel: KernelObjects, module: bigint, known: KnownObjects): void {
  const { types } = kernel;
  const number = (path: string) => Number(readMember(kernel, "module", module, path) ?? 0n);
  const add = (base: bigint | undefined, bytes: number) => {
    if (base && kernel.memory.isKernelAddress(base) && bytes > 0 && bytes <= MAX_MEMORY) known.keep(base, bytes);
  };
  for (const name of ["MOD_TEXT", "MOD_RODATA", "MOD_RO_AFTER_INIT"]) {
    const part = types.enumerator(name);
    if (part === undefined) continue;
    const base = readMember(kernel, "module", module, `mem[${part}].base`);
    add(base, number(`mem[${part}].size`));
  }
  // 4.5 to 6.3; read-only data after initialization since 4.8.
  for (const last of ["ro_after_init_size", "ro_size"]) {
    if (types.member("module", `core_layout.${last}`) === undefined) continue;
    add(readMember(kernel, "module", module, "core_layout.base"), number(`core_layout.${last}`));
    return;
  }
  if (types.member("module", "core_ro_size") === undefined) return;
  add(readMember(kernel, "module", module, "module_core"), number("core_ro_size"));
}

function keepSymbols(kernel: KernelObjects, module: bigint, known: KnownObjects): void {
  const { memory, types } = kernel;
  // A separate struct since 4.5.
  const at = (path: string) =>
    types.member("module", "kallsyms") === undefined
      ? readMember(kernel, "module", module, path)
      : readMember(kernel, "mod_kallsyms", readMember(kernel, "module", module, "kallsyms") ?? 0n, path);
  const [symbols, strings, codes] = [at("symtab"), at("strtab"), at("typetab")];
  const count = Number(at("num_symtab") ?? 0n);
  const type = memory.wordSize === 8 ? "elf64_sym" : "elf32_sym";
  const size = types.sizeOf(type) ?? (memory.wordSize === 8 ? 24 : 16);
  if (!symbols || !strings || !memory.isKernelAddress(symbols) || !memory.isKernelAddress(strings)) return;
  if (count === 0 || count > MAX_SYMBOLS) return;
  known.keep(symbols, count * size);
  if (codes && memory.isKernelAddress(codes)) known.keep(codes, count);
  // Names are contiguous, in any order: they end with the last one.
  const table = memory.readView(symbols, count * size);
  let last = 0;
  for (let i = 0; table !== undefined && i < count; i++) {
    last = Math.max(last, table.getUint32(i * size, memory.littleEndian));
  }
  if (last >= MAX_STRINGS) return;
  const name = readText(memory, strings + BigInt(last), 512) ?? "";
  known.keep(strings, last + name.length + 1);
}
