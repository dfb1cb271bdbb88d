import type { Dump } from "../../reader/dump.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import type { Utsname } from "../../reader/utsname.js";
import type { Vmcoreinfo } from "../../reader/vmcoreinfo.js";
import type { AddressSpace } from "../address-space.js";
import { cannotFilter } from "../cannot-filter.js";
import { readKernelUtsname } from "../kernel-utsname.js";

/** One guess of how a kernel's memory is mapped, and its name in an error message. */
export interface Guess<Image> {
  readonly image: Image;
  readonly name: string;
}

/**
 * Takes the first guess with which the kernel's own name reads as Linux. Most architectures export everything that is
 * needed and have one guess; there are several where a load address or a split of the address space is not exported.
 * Throws `CANNOT_FILTER` if none fits.
 */
export function firstThatReads<Image>(
  dump: Dump,
  info: Vmcoreinfo,
  guesses: Iterable<Guess<Image>>,
  attach: (image: Image, memory: PhysicalMemory) => AddressSpace,
): { readonly image: Image; readonly utsname: Utsname } {
  const tried = new Set<string>();
  for (const { image, name } of guesses) {
    const utsname = readKernelUtsname(dump, info, attach(image, dump.memory));
    if (utsname !== undefined) return { image, utsname };
    tried.add(name);
  }
  if (tried.size === 0) throw cannotFilter(dump, "VMCOREINFO does not say where the kernel's page tables are");
  const names = [...tried].slice(0, MAX_NAMED).join("; ");
  const more = tried.size > MAX_NAMED ? `; and ${tried.size - MAX_NAMED} more` : "";
  throw cannotFilter(dump, `the kernel's memory was not found where it should be; tried ${names}${more}`);
}

/** The most guesses that a message names. */
const MAX_NAMED = 4;

/** The address of a symbol that the architecture needs. Throws `CANNOT_FILTER`. */
export function needSymbol(dump: Dump, info: Vmcoreinfo, name: string): bigint {
  const address = info.symbol(name);
  if (address === undefined) throw cannotFilter(dump, `VMCOREINFO lacks SYMBOL(${name})`);
  return address;
}

/** A number in hexadecimal for the name of a guess. */
export function hex(value: bigint | number): string {
  return `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
}
