import { DumpError } from "../../errors.js";
import type { KernelObjects } from "../../kernel/objects/kernel-objects.js";
import { perCpuAddress, possibleCpus } from "../../kernel/objects/per-cpu.js";
import { OPTION } from "../../option-words.js";
import type { PhysicalMemory } from "../../reader/physical-memory.js";
import { cType, isCharacter, unqualified } from "./c-type.js";
import type { PathStep, Place } from "./erase-rule.js";

/** A piece of the kernel's data and its type. */
export interface Value {
  /** Whether the address is physical, as for slab objects, or kernel virtual. */
  readonly physical: boolean;
  readonly address: bigint;
  /** In C's words; `undefined` if it is not known. */
  readonly type: string | undefined;
  readonly size: number | undefined;
  /** Number of elements of an array. */
  readonly count?: number;
  /** The struct that contains it, if any, and the path from there: members are looked up by the whole path. */
  readonly base: string | undefined;
  readonly baseAddress: bigint;
  readonly path: string;
  readonly isBitField?: boolean;
}

/** Data that a rule could not reach. They are counted; none is an error. */
export interface Misses {
  /** Pointers that are 0. */
  nulls: number;
  /** Pointers to other than kernel addresses, sizes above the limit, data that the dump does not have. */
  unreachable: number;
  /** Lists and chains that do not end correctly. */
  broken: number;
}

export function noMisses(): Misses {
  return { nulls: 0, unreachable: 0, broken: 0 };
}

/** The error for a rule that names what this kernel does not have. */
export function cannotErase(what: string, cure: string): DumpError {
  return new DumpError("CANNOT_ERASE", what, { cure });
}

/** The most elements of an array if a rule has all of them. */
const MAX_ELEMENTS = 1 << 20;
/**
 * The most steps of one rule over all its elements: several times the steps for ten million objects. Types and lists of
 * a hostile dump may need more.
 */
const MAX_RULE_STEPS = 1 << 26;

/**
 * Finds values by places. Throws `CANNOT_ERASE` for what the kernel does not have; counts what the dump does not have.
 */
export class ValueFinder {
  #steps = 0;

  constructor(
    private readonly kernel: KernelObjects,
    private readonly physical: PhysicalMemory,
    readonly misses: Misses,
  ) {}

  /** All values at a place; several if it contains [*], or if its variable is per CPU. */
  *find(place: Place, element: Value | undefined): Generator<Value, void> {
    const roots =
      place.root === undefined ? (element === undefined ? [] : [element]) : this.#roots(place.root, place.steps[0]);
    for (const root of roots) yield* this.#walk(root, place.steps, 0);
  }

  /** A struct at an address. */
  at(type: string, address: bigint, physical = false): Value {
    const { types } = this.kernel;
    const { count, element } = cType(type);
    const elementSize = element === undefined ? undefined : types.sizeOf(element);
    const size = count === undefined ? types.sizeOf(type) : elementSize && elementSize * count;
    return {
      ...{ physical, address, type, size, base: type, baseAddress: address, path: "" },
      ...(count === undefined ? {} : { count }),
    };
  }

  /**
   * The data to which a pointer points; `undefined`, which is counted, if it is 0, not a pointer to the kernel, or not
   * in the dump.
   */
  follow(pointer: Value): Value | undefined {
    const { memory } = this.kernel;
    const { target = "void" } = cType(pointer.type ?? "");
    const address = this.integer(pointer, memory.wordSize);
    if (address === 0n) this.misses.nulls++;
    else if (address === undefined || !memory.isKernelAddress(address)) this.misses.unreachable++;
    else return this.at(target, address);
    return undefined;
  }

  /** An unsigned integer of 1, 2, 4 or 8 bytes. */
  integer(value: Value, size: number): bigint | undefined {
    const bytes = this.bytes(value, size);
    if (bytes === undefined || ![1, 2, 4, 8].includes(size)) return undefined;
    let result = 0n;
    for (let i = 0; i < size; i++) {
      result = (result << 8n) | BigInt(bytes[this.kernel.memory.littleEndian ? size - 1 - i : i] as number);
    }
    return result;
  }

  /** The first `length` bytes of a value. */
  bytes({ physical, address }: Value, length: number): Uint8Array | undefined {
    if (!physical) {
      const view = this.kernel.memory.readView(address, length);
      return view && new Uint8Array(view.buffer, view.byteOffset, length);
    }
    const bytes = new Uint8Array(length);
    return this.physical.read(bytes, Number(address)) === length ? bytes : undefined;
  }

  #roots(name: string, next: PathStep | undefined): Value[] {
    const { symbols, memory, types } = this.kernel;
    if (/^0x/i.test(name)) return [this.#typed(BigInt(name), undefined)];
    const addresses = symbols.addresses(name);
    const [address, second] = addresses;
    if (address === undefined) {
      throw cannotErase(
        `the kernel has no symbol ${name} in ${symbols.source}`,
        `Check its name; kernels without CONFIG_KALLSYMS_ALL list functions only: give the vmlinux with ${OPTION.vmlinux}`,
      );
    }
    if (second !== undefined) {
      const list = addresses.map((one) => `0x${one.toString(16)}`).join(", ");
      throw cannotErase(
        `the kernel has ${addresses.length} symbols ${name}: ${list}`,
        "Give the address of the right one, with a type: 0xADDRESS{TYPE}",
      );
    }
    const type = next?.kind === "type" ? undefined : (types.variable(name) ?? KNOWN_VARIABLES[name]);
    if (!this.#isPerCpu(address)) return [this.#typed(address, type)];
    const cpus = possibleCpus({ memory, symbols }) ?? [];
    const own = cpus.map((cpu) => perCpuAddress({ memory, symbols }, address, cpu));
    return own.filter((one) => one !== undefined).map((one) => this.#typed(one, type));
  }

  #isPerCpu(address: bigint): boolean {
    const { symbols } = this.kernel;
    const [start, end] = [symbols.address("__per_cpu_start"), symbols.address("__per_cpu_end")];
    const isSmp = symbols.address("__per_cpu_offset") !== undefined;
    return isSmp && start !== undefined && end !== undefined && address >= start && address < end;
  }

  #typed(address: bigint, type: string | undefined): Value {
    if (type !== undefined) return this.at(unqualified(type), address);
    return {
      physical: false,
      address,
      type: undefined,
      size: undefined,
      base: undefined,
      baseAddress: address,
      path: "",
    };
  }

  *#walk(value: Value, steps: readonly PathStep[], index: number): Generator<Value, void> {
    if (++this.#steps > MAX_RULE_STEPS) {
      throw new DumpError("LIMIT", `a rule takes more than ${MAX_RULE_STEPS} steps`, {
        cure: "Erase less with one rule",
      });
    }
    const step = steps[index];
    if (step === undefined) {
      yield value;
    } else if (step.kind === "all" && value.count !== undefined) {
      if (value.count > MAX_ELEMENTS)
        throw cannotErase(
          `${this.#name(value)} has ${value.count} elements; at most ${MAX_ELEMENTS} are followed`,
          "Name some of them",
        );
      for (let i = 0; i < value.count; i++) {
        const element = this.#step(value, { kind: "index", index: i });
        if (element !== undefined) yield* this.#walk(element, steps, index + 1);
      }
    } else {
      const next = this.#step(value, step);
      if (next !== undefined) yield* this.#walk(next, steps, index + 1);
    }
  }

  #step(value: Value, step: PathStep): Value | undefined {
    if (step.kind === "type") return this.#as(value, step.type);
    if (step.kind === "all")
      throw cannotErase(`${this.#name(value)} is not an array of known length`, "Name its elements one by one: [0]");
    if (value.type === undefined) {
      throw cannotErase(
        "the type of this symbol is not known",
        `Name it, NAME{TYPE}, or give a size; or give the vmlinux with ${OPTION.vmlinux}`,
      );
    }
    const { target } = cType(value.type);
    if (step.kind === "index")
      return target === undefined ? this.#element(value, step.index) : this.#behind(value, target, step.index);
    if (target === undefined) return this.#member(value, step.name);
    const struct = this.follow(value);
    return struct && this.#member(struct, step.name);
  }

  #as(value: Value, type: string): Value {
    const { physical, address } = value;
    const result = this.at(unqualified(type), address, physical);
    if (result.size === undefined) throw this.#noType(type);
    return result;
  }

  #noType(type: string): DumpError {
    return cannotErase(
      `the kernel has no type ${type} in ${this.kernel.types.source}`,
      "Check its name; types of modules are not looked up",
    );
  }

  #member(value: Value, name: string): Value {
    const { base = "", baseAddress, path, physical } = value;
    if (path === "" && this.kernel.types.sizeOf(base) === undefined) throw this.#noType(base);
    return this.#asked(base, baseAddress, physical, path === "" ? name : `${path}.${name}`);
  }

  #asked(base: string, baseAddress: bigint, physical: boolean, path: string): Value {
    const member = this.kernel.types.member(base, path);
    if (member === undefined)
      throw cannotErase(`${base} has no member ${path}`, "Check its name for this kernel's version");
    const { offset, size, count, bitSize, type } = member;
    return {
      ...{ physical, address: baseAddress + BigInt(offset), type: unqualified(type), size, base, baseAddress, path },
      ...(count === undefined ? {} : { count }),
      ...(bitSize === undefined ? {} : { isBitField: true }),
    };
  }

  #element(value: Value, index: number): Value {
    const { base = "", baseAddress, path, physical, count } = value;
    if (count === undefined) throw cannotErase(`${this.#name(value)} is not an array`, "Leave out the [ ]");
    if (path !== "") return this.#asked(base, baseAddress, physical, `${path}[${index}]`);
    const { element = "" } = cType(base);
    const size = this.kernel.types.sizeOf(element);
    if (size === undefined) throw this.#noType(element);
    if (index >= count && count !== 0)
      throw cannotErase(`${this.#name(value)} has no element ${index}`, "Its elements are counted from 0");
    return this.at(element, baseAddress + BigInt(index * size), physical);
  }

  #behind(pointer: Value, target: string, index: number): Value | undefined {
    const size = this.kernel.types.sizeOf(target);
    if (size === undefined) throw this.#noType(target);
    const first = this.follow(pointer);
    return first && this.at(target, first.address + BigInt(index * size));
  }

  #name({ base, path, type }: Value): string {
    return path === "" ? (type ?? "this symbol") : `${base}.${path}`;
  }

  /** Length of the text at a value, without the terminating zero. */
  textLength(text: Value, most: number): number | undefined {
    let length = 0;
    while (length < most) {
      // Up to the next multiple of 64: no page ends before it.
      const at = { ...text, address: text.address + BigInt(length) };
      const n = Math.min(64 - Number(at.address % 64n), most - length);
      const bytes = this.bytes(at, n);
      if (bytes === undefined) return length === 0 ? undefined : length;
      const end = bytes.indexOf(0);
      if (end >= 0) return length + end;
      length += n;
    }
    return length;
  }
}

/** Whether a type is a pointer to characters: then the text is meant. */
export function isText(type: string): boolean {
  const { target } = cType(type);
  return target !== undefined && isCharacter(target);
}

/**
 * Types of variables that rules are likely to name, because BTF has only per-CPU variables. Each variable has this type
 * in every kernel since 2.6.24 that has it (according to their headers); a test compares them with DWARF. For other
 * variables the rule names the type: `NAME{TYPE}`.
 */
export const KNOWN_VARIABLES: Readonly<Record<string, string>> = {
  file_systems: "struct file_system_type *",
  init_cred: "struct cred",
  init_mm: "struct mm_struct",
  init_net: "struct net",
  init_nsproxy: "struct nsproxy",
  init_pid_ns: "struct pid_namespace",
  init_task: "struct task_struct",
  init_user_ns: "struct user_namespace",
  init_uts_ns: "struct uts_namespace",
  key_serial_tree: "struct rb_root",
  modules: "struct list_head",
  net_namespace_list: "struct list_head",
  panic_notifier_list: "struct atomic_notifier_head",
  saved_command_line: "char *",
  slab_caches: "struct list_head",
  super_blocks: "struct list_head",
  workqueues: "struct list_head",
};
