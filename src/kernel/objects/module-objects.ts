import { openBtf } from "../debuginfo/btf.js";
import { btfBehind, btfTypes } from "../debuginfo/btf-types.js";
import type { KernelTypes } from "../debuginfo/kernel-types.js";
import {
  type KernelObjects,
  memberAddress,
  readInteger,
  readMember,
  readPossibleMember,
  readText,
  walkList,
} from "./kernel-objects.js";

const MAX_MODULES = 1 << 12;
const MAX_NAME = 64;
const MAX_SYMBOLS = 1 << 16;
/** Debian's modules have up to 700 KB (amdgpu). */
const MAX_BTF = 16 << 20;

/**
 * The address of a loaded module's `struct module`. `undefined` if symbols or types do not lead to the list, or if the
 * module is not loaded.
 */
export function moduleNamed(kernel: KernelObjects, name: string): bigint | undefined {
  const { memory, symbols, types } = kernel;
  const head = symbols.address("modules");
  if (head === undefined || types.member("module", "name") === undefined) return undefined;
  for (const module of walkList(kernel, head, "module", "list", MAX_MODULES)) {
    const at = memberAddress(kernel, "module", module, "name");
    if (at !== undefined && readText(memory, at, MAX_NAME) === name) return module;
  }
  return undefined;
}

/**
 * The same, or `none`: the module is not loaded, or the kernel has no modules at all. `undefined`: it is not known, as where the
 * kernel lists functions only (without CONFIG_KALLSYMS_ALL).
 */
export function loadedModule(kernel: KernelObjects, name: string): bigint | "none" | undefined {
  const { symbols, types } = kernel;
  if (symbols.address("modules") === undefined) return symbols.address("init_task") === undefined ? undefined : "none";
  return types.member("module", "name") === undefined ? undefined : (moduleNamed(kernel, name) ?? "none");
}

/** The address of a variable or function of a module (CONFIG_KALLSYMS; variables with CONFIG_KALLSYMS_ALL). */
export function moduleSymbol(kernel: KernelObjects, module: bigint, name: string): bigint | undefined {
  return moduleObject(kernel, module, name)?.address;
}

/** The same, with its size in bytes. */
export function moduleObject(
  kernel: KernelObjects,
  module: bigint,
  name: string,
): { readonly address: bigint; readonly size: number } | undefined {
  const { memory, types } = kernel;
  // Since 4.5 the table is in a struct of its own.
  const own = readPossibleMember(kernel, "module", module, "kallsyms");
  const at = (path: string) =>
    own === undefined ? readMember(kernel, "module", module, path) : readMember(kernel, "mod_kallsyms", own, path);
  const [symbols, strings, count] = [at("symtab"), at("strtab"), Number(at("num_symtab") ?? 0n)];
  const type = memory.wordSize === 8 ? "elf64_sym" : "elf32_sym";
  const { wordSize } = memory;
  const [size, nameAt, valueAt, sizeAt] = [
    types.sizeOf(type),
    types.member(type, "st_name")?.offset,
    types.member(type, "st_value")?.offset,
    types.member(type, "st_size")?.offset,
  ];
  if (!symbols || !strings || !size || nameAt === undefined || valueAt === undefined || count > MAX_SYMBOLS)
    return undefined;
  const table = memory.readView(symbols, count * size);
  for (let i = 0; table !== undefined && i < count; i++) {
    const text = readText(memory, strings + BigInt(table.getUint32(i * size + nameAt, memory.littleEndian)), MAX_NAME);
    if (text !== name) continue;
    const address = memory.readWord(symbols + BigInt(i * size + valueAt));
    const length = sizeAt === undefined ? 0n : readInteger(memory, symbols + BigInt(i * size + sizeAt), wordSize);
    return address === undefined ? undefined : { address, size: Number(length ?? 0n) };
  }
  return undefined;
}

/**
 * The types of a module together with those of the kernel (CONFIG_DEBUG_INFO_BTF_MODULES, 5.11 and later): the kernel
 * keeps a copy of each module's BTF in the list `btf_modules`. `undefined` where there is no copy, or if the kernel's
 * own types are not from BTF.
 */
export function moduleTypes(kernel: KernelObjects, module: bigint): KernelTypes | undefined {
  const { memory, symbols, types } = kernel;
  const base = btfBehind(types);
  const head = symbols.address("btf_modules");
  if (base === undefined || head === undefined) return undefined;
  for (const one of walkList(kernel, head, "btf_module", "list", MAX_MODULES)) {
    if (readMember(kernel, "btf_module", one, "module") !== module) continue;
    const btf = readMember(kernel, "btf_module", one, "btf");
    const data = btf && readMember(kernel, "btf", btf, "data");
    const length = Number((btf && readMember(kernel, "btf", btf, "data_size")) ?? 0n);
    if (!data || length === 0 || length > MAX_BTF) return undefined;
    const view = memory.readView(data, length);
    const bytes = view && new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const own = bytes && openBtf(bytes, base);
    return own && btfTypes(own, memory.wordSize, "BTF of a module in memory");
  }
  return undefined;
}

/**
 * The kernel with the types of a possible module, and the address of its variable. `none`: the module is not loaded;
 * `undefined`: it is not known.
 */
export function withModule(
  kernel: KernelObjects,
  { module: name, type, variable }: { readonly module: string; readonly type: string; readonly variable: string },
): { readonly kernel: KernelObjects; readonly at: bigint } | "none" | undefined {
  const builtIn = kernel.symbols.address(variable);
  // Not a module, whether or not its types are known.
  if (builtIn !== undefined) return kernel.types.sizeOf(type) === undefined ? undefined : { kernel, at: builtIn };
  const module = loadedModule(kernel, name);
  if (module === undefined || module === "none") return module;
  const types = moduleTypes(kernel, module);
  const at = moduleSymbol(kernel, module, variable);
  return types === undefined || at === undefined ? undefined : { kernel: { ...kernel, types }, at };
}

/**
 * The address of a variable of the kernel or of a module that may be built in. `none`: neither is there; `undefined`: the
 * module is loaded, or may be, but its symbols are not known.
 */
export function moduleVariable(kernel: KernelObjects, name: string, variable: string): bigint | "none" | undefined {
  const builtIn = kernel.symbols.address(variable);
  if (builtIn !== undefined) return builtIn;
  const module = loadedModule(kernel, name);
  return module === undefined || module === "none" ? module : moduleSymbol(kernel, module, variable);
}
