import type { KernelMemory } from "../kernel-memory.js";
import type { LinkedSymbol } from "./symtab.js";
import type { Vmlinux } from "./vmlinux.js";

/** Addresses of kernel symbols as they were in the running kernel (KASLR applied). */
export interface KernelSymbols {
  /** Where the symbols come from: "kallsyms in memory", "vmlinux" … */
  readonly source: string;
  /** The address of the first symbol of that name. */
  address(name: string): bigint | undefined;
  /**
   * All addresses of that name, in the source's order: static functions and variables of several files may share a
   * name.
   */
  addresses(name: string): readonly bigint[];
  /** For each pattern, the addresses of all symbols whose names match: reads every name, once for all patterns. */
  matching(patterns: readonly RegExp[]): readonly (readonly bigint[])[];
  /** The addresses of all symbols whose names are one of `texts`, or end in one behind a `_`. Reads few names. */
  endingIn(texts: readonly string[]): readonly bigint[];
  /**
   * The highest symbol that is not above `address`; if several have that address, the first. `undefined` below the
   * lowest symbol. `offset` is in bytes and may be large.
   */
  nearest(address: bigint): { readonly name: string; readonly offset: bigint } | undefined;
}

/** Matches names that are one of `texts`, or end in one behind a `_`. */
export function endOfName(texts: readonly string[]): RegExp {
  return new RegExp(`(?:^|_)(?:${texts.join("|")})$`);
}

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
  const placesOf = (found: readonly LinkedSymbol[]) => [...new Set(found.map(({ address }) => moved(address)))];
  const addresses = (name: string) => placesOf(symbols.named(name));
  return {
    source: "vmlinux",
    addresses,
    address: (name) => addresses(name)[0],
    matching: (patterns) => patterns.map((pattern) => placesOf(symbols.matching(pattern))),
    endingIn: (texts) => placesOf(symbols.matching(endOfName(texts))),
    nearest: () => undefined,
  };
}
