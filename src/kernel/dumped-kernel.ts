import type { PhysicalMemory } from "../reader/physical-memory.js";
import { checkLength } from "../reader/read-physical.js";
import type { GivenFile } from "../reader/source/side-file.js";
import type { Utsname } from "../reader/utsname.js";
import { type AddressSpace, readVirtual } from "./address-space.js";
import { type KernelSymbols, linkedSymbols } from "./debuginfo/kernel-symbols.js";
import type { KernelTypes } from "./debuginfo/kernel-types.js";
import { findSymbols, findTypes } from "./debuginfo/memory-debuginfo.js";
import { openVmlinux, type Vmlinux } from "./debuginfo/vmlinux.js";
import type { KernelMemory } from "./kernel-memory.js";
import {
  containerOf,
  type KernelObjects,
  readInteger,
  readMember,
  readText,
  type WalkEnd,
  walkList,
} from "./objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "./objects/per-cpu.js";

/**
 * The kernel in a dump: its memory by virtual address, its symbols and types, its objects by the names of their
 * members. What the dump does not have is `undefined`; nothing is guessed. Addresses are unsigned.
 */
export interface DumpedKernel {
  /** The kernel's name and release, read from its memory. */
  readonly utsname: Utsname;
  readonly wordSize: 4 | 8;
  readonly littleEndian: boolean;
  readonly pageSize: number;
  /**
   * Its symbols: from the vmlinux that was given, otherwise from kallsyms in its memory. `undefined` if the kernel has
   * no kallsyms; kernels without CONFIG_KALLSYMS_ALL list functions only. Found at the first access, which takes up to
   * 220 ms.
   */
  readonly symbols: KernelSymbols | undefined;
  /**
   * Its types: from the vmlinux that was given (DWARF or BTF), otherwise from BTF in its memory. Found at the first
   * access: up to 180 ms.
   */
  readonly types: KernelTypes | undefined;
  /** Address of a symbol: from `symbols`, or from VMCOREINFO, which has a few for every kernel. */
  symbol(name: string): bigint | undefined;
  /**
   * Copies memory from a kernel virtual address on. Returns how many bytes came before the first one that is missing.
   */
  readInto(into: Uint8Array, address: bigint): number;
  /**
   * Memory from a kernel virtual address on: `length` bytes, or fewer if some are missing (up to the first missing
   * one). Throws `BAD_OPTION`.
   */
  readVirtual(address: bigint, length: number): Uint8Array;
  /** Physical address of a kernel virtual address. */
  physicalAddress(address: bigint): number | undefined;
  /** An unsigned integer of 1, 2, 4 or 8 bytes. */
  readInteger(address: bigint, size: number): bigint | undefined;
  /** An unsigned long, or a pointer. */
  readWord(address: bigint): bigint | undefined;
  /** Text up to its zero byte, at most `most` bytes, each a character (Latin-1). */
  readText(address: bigint, most: number): string | undefined;
  /**
   * A member of the struct of type `type` at `address`, by its path ("comm", "lru.next", "vm_stat[0].counter"): an integer,
   * pointer, enum or bit field, unsigned. Needs `types`.
   */
  readMember(type: string, address: bigint, path: string): bigint | undefined;
  /** Address of that member. Needs `types`. */
  memberAddress(type: string, address: bigint, path: string): bigint | undefined;
  /** Address of the struct whose member `path` is at `address`. Needs `types`. */
  containerOf(address: bigint, type: string, path: string): bigint | undefined;
  /**
   * Walks the `struct list_head` at `head`: yields the addresses of the structs of type `type` that are linked by their
   * member `path`. Ends at the end of the list, or where the list is broken; the generator's return value says which.
   * At most `limit` entries (default: a million). Needs `types`.
   */
  walkList(head: bigint, type: string, path: string, limit?: number): Generator<bigint, WalkEnd>;
  /** Numbers of the CPUs that the machine may have. */
  readonly cpus: readonly number[] | undefined;
  /** A CPU's own copy of the per-CPU variable whose symbol has the value `variable`. */
  perCpu(variable: bigint, cpu: number): bigint | undefined;
  /** Closes the vmlinux, if one was given. Do not use `types` afterwards. */
  close(): void;
}

/** What `dumpedKernel` reads a kernel from. */
export interface KernelPlace {
  readonly utsname: Utsname;
  readonly memory: KernelMemory;
  readonly space: AddressSpace;
  readonly physical: PhysicalMemory;
  /** The kernel's vmlinux, if the caller has one. */
  readonly vmlinux?: GivenFile | undefined;
}

const MOST_ENTRIES = 1_000_000;

/** Makes a `DumpedKernel`. Costs nothing until symbols or types are used. */
export function dumpedKernel({ utsname, memory, space, physical, vmlinux }: KernelPlace): DumpedKernel {
  let file: Vmlinux | undefined;
  const given = () => {
    if (vmlinux !== undefined) file ??= openVmlinux(vmlinux, ["dwarf", "btf"]);
    return file;
  };
  const symbols = once(() => {
    const from = given();
    return from === undefined ? findSymbols(memory) : linkedSymbols(memory, from);
  });
  const types = once(() => given()?.types ?? findTypes(memory, symbols()));
  const withTypes = (): Pick<KernelObjects, "memory" | "types"> | undefined => {
    const found = types();
    return found && { memory, types: found };
  };
  const withSymbols = () => {
    const found = symbols();
    return found && { memory, symbols: found };
  };
  const cpus = once(() => {
    const objects = withSymbols();
    return objects && possibleCpus(objects);
  });
  return {
    utsname,
    wordSize: memory.wordSize,
    littleEndian: memory.littleEndian,
    pageSize: memory.pageSize,
    get symbols() {
      return symbols();
    },
    get types() {
      return types();
    },
    // For mem_section VMCOREINFO has the symbol's value instead of its address.
    symbol: (name) => symbols()?.address(name) ?? (name === "mem_section" ? undefined : memory.info.symbol(name)),
    readInto: (into, address) => readVirtual(space, physical, into, address),
    readVirtual(address, length) {
      checkLength(length);
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, readVirtual(space, physical, bytes, address));
    },
    physicalAddress: (address) => space.translate(address)?.paddr,
    readInteger: (address, size) => readInteger(memory, address, size),
    readWord: (address) => memory.readWord(address),
    readText: (address, most) => readText(memory, address, most),
    readMember(type, address, path) {
      const objects = withTypes();
      return objects && readMember(objects, type, address, path);
    },
    memberAddress(type, address, path) {
      const member = types()?.member(type, path);
      return member && address + BigInt(member.offset);
    },
    containerOf(address, type, path) {
      const found = types();
      return found && containerOf(found, address, type, path);
    },
    *walkList(head, type, path, limit = MOST_ENTRIES) {
      const objects = withTypes();
      return objects === undefined ? "unreadable" : yield* walkList(objects, head, type, path, limit);
    },
    get cpus() {
      return cpus();
    },
    perCpu(variable, cpu) {
      const objects = withSymbols();
      return objects && perCpuAddress(objects, variable, cpu);
    },
    close: () => file?.close(),
  };
}

/** A function that calls `find` once and remembers the result, also if it is `undefined`. */
function once<T>(find: () => T): () => T {
  let answer: { readonly value: T } | undefined;
  return () => {
    answer ??= { value: find() };
    return answer.value;
  };
}
