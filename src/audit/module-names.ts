import { type KernelObjects, memberAddress, readMember, readText, walkList } from "../kernel/objects/kernel-objects.js";
import { nameText } from "./file-owner.js";

const MAX_MODULES = 1 << 14;
const MAX_NAME = 64;

interface ModuleRange {
  readonly start: bigint;
  readonly end: bigint;
  readonly name: string;
}

/**
 * Makes a function that names the module of an address in its text or data. It always returns `undefined` if symbols or
 * types do not lead to the list of modules.
 */
export function moduleNames(kernel: KernelObjects): (address: bigint) => string | undefined {
  const { types, memory, symbols } = kernel;
  const head = symbols.address("modules");
  const ranges: ModuleRange[] = [];
  // struct module_memory mem[] since 6.4; module_layout in 4.5 to 6.3.
  const sections = types.member("module", "mem")?.count ?? 0;
  const places = [
    ...Array.from({ length: Math.min(sections, 32) }, (_, i) => [`mem[${i}].base`, `mem[${i}].size`] as const),
    ...["core_layout", "data_layout"].map((name) => [`${name}.base`, `${name}.size`] as const),
  ];
  for (const module of head === undefined ? [] : walkList(kernel, head, "module", "list", MAX_MODULES)) {
    const at = memberAddress(types, "module", module, "name");
    const name = at === undefined ? undefined : readText(memory, at, MAX_NAME);
    if (name === undefined) continue;
    for (const [base, size] of places) {
      const start = readMember(kernel, "module", module, base);
      const length = readMember(kernel, "module", module, size);
      if (start && length) ranges.push({ start, end: start + length, name: nameText(name) });
    }
  }
  return (address) => ranges.find(({ start, end }) => address >= start && address < end)?.name;
}
