import type { KernelMemory } from "../kernel-memory.js";
import type { KallsymsAddresses } from "./kallsyms-tables.js";

/** The names of a table, as far as `symbolAddresses` needs them. */
export interface SymbolNumbers {
  readonly count: number;
  numbers(name: string): Iterable<number>;
}

/** How a table encodes addresses. `at` is the address of the entry itself. */
type Scheme = (value: number, base: bigint, at: bigint) => bigint;

/** Schemes of tables with 32-bit offsets; `value` is signed. */
const SCHEMES: readonly Scheme[] = [
  // CONFIG_KALLSYMS_ABSOLUTE_PERCPU (x86-64 with SMP, 4.6 to 6.14): per-CPU symbols are absolute, all others are
  // negative offsets.
  (value, base) => (value >= 0 ? BigInt(value) : base - 1n - BigInt(value)),
  (value, base) => base + BigInt(value >>> 0),
  // Relative to the entry itself, if there is no kallsyms_relative_base.
  (value, _base, at) => at + BigInt(value),
];

/**
 * The address of each symbol. No field says which of the schemes a kernel uses: it is the one that gives the right
 * addresses for symbols that VMCOREINFO has. `undefined` if none does, or if the dump lacks the table.
 */
export function symbolAddresses(
  memory: KernelMemory,
  tables: KallsymsAddresses,
  names: SymbolNumbers,
): ((i: number) => bigint) | undefined {
  const { count } = names;
  const known = knownSymbols(memory, names);
  if (known.length === 0) return undefined;
  let best: { readonly right: number; readonly address: (i: number) => bigint } | undefined;
  for (const address of candidates(memory, tables, count)) {
    const right = known.filter(({ numbers, vaddr }) => numbers.some((i) => address(i) === vaddr)).length;
    if (right > (best?.right ?? 0)) best = { right, address };
  }
  // Some may differ: variables of the same name in several files, and values that are not addresses. Most must agree.
  if (best === undefined || best.right * 2 < known.length) return undefined;
  return best.address;
}

/** Symbols that VMCOREINFO and the table both have. */
function knownSymbols(
  memory: KernelMemory,
  names: SymbolNumbers,
): { readonly vaddr: bigint; readonly numbers: readonly number[] }[] {
  const known = [];
  for (const item of memory.info.items.keys()) {
    const name = /^SYMBOL\((\w+)\)$/.exec(item)?.[1];
    const vaddr = name === undefined ? undefined : memory.info.symbol(name);
    if (name === undefined || vaddr === undefined) continue;
    const numbers = [...names.numbers(name)];
    if (numbers.length > 0) known.push({ vaddr, numbers });
  }
  return known;
}

function* candidates(memory: KernelMemory, tables: KallsymsAddresses, count: number): Generator<(i: number) => bigint> {
  const { wordSize, littleEndian } = memory;
  if (tables.offsets !== undefined) {
    const start = tables.offsets;
    const view = memory.readView(start, count * 4);
    const base = tables.relativeBase === undefined ? undefined : memory.readWord(tables.relativeBase);
    if (view !== undefined) {
      for (const scheme of SCHEMES) {
        yield (i) =>
          BigInt.asUintN(wordSize * 8, scheme(view.getInt32(i * 4, littleEndian), base ?? 0n, start + BigInt(i * 4)));
      }
    }
  }
  if (tables.addresses !== undefined) {
    const view = memory.readView(tables.addresses, count * wordSize);
    if (view !== undefined) {
      yield wordSize === 8
        ? (i) => view.getBigUint64(i * 8, littleEndian)
        : (i) => BigInt(view.getUint32(i * 4, littleEndian));
    }
  }
}
