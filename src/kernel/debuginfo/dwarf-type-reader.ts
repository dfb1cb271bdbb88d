import type { ElfFile } from "../../reader/elf/sections.js";
import { type DwarfEntry, type EntryRef, readEntry } from "./dwarf-entries.js";
import { TAG } from "./dwarf-format.js";
import type { DwarfUnits } from "./dwarf-units.js";
import { integerName, type KernelMember, type KernelScalar, liesWithin, parsePath } from "./kernel-types.js";
import { flattenType, type TypeForm } from "./scalars.js";

/** No type of C nests deeper: a longer chain of typedefs, arrays or anonymous structs is a cycle. */
const MAX_DEPTH = 32;
/** The most children that one call reads: no kernel struct has as many, but hostile ones may. */
const MAX_VISITS = 1_000_000;

/** Whether it is a struct or union. */
export function isCompound({ tag }: DwarfEntry): boolean {
  return tag === TAG.STRUCTURE || tag === TAG.CLASS || tag === TAG.UNION;
}

function isWrapper({ tag }: DwarfEntry): boolean {
  return tag === TAG.TYPEDEF || tag === TAG.CONST || tag === TAG.VOLATILE || tag === TAG.RESTRICT || tag === TAG.ATOMIC;
}

/** A type, or an array with the dimensions that are left of it. */
interface DwarfNode {
  readonly entry: DwarfEntry;
  readonly counts: readonly number[] | undefined;
}

function nodeOf(entry: DwarfEntry | undefined): DwarfNode | undefined {
  return entry && { entry, counts: undefined };
}

/** Reads types: sizes, members, how C writes them. */
export class DwarfTypeReader {
  constructor(
    private readonly units: DwarfUnits,
    private readonly file: ElfFile,
  ) {}

  /** The entry at an offset or with a signature; `undefined` for the end of a list, and where there is no entry. */
  entry(ref: EntryRef | undefined): DwarfEntry | undefined {
    if (ref === undefined) return undefined;
    if (typeof ref === "bigint") return this.#signed(ref);
    const entry = this.#read(ref);
    // An entry that has only a signature stands for the type of a type unit.
    return typeof entry?.specification === "bigint" ? this.#signed(entry.specification) : entry;
  }

  #signed(signature: bigint): DwarfEntry | undefined {
    const unit = this.units.bySignature(signature);
    return unit === undefined ? undefined : this.#read(unit.start + unit.typeOffset);
  }

  #read(offset: number): DwarfEntry | undefined {
    const unit = this.units.at(offset);
    if (unit === undefined || offset < unit.start + unit.firstEntry) return undefined;
    const open = this.units.open(unit);
    const cursor = this.units.cursor(open, offset - unit.start);
    if (cursor.pos >= cursor.end) return undefined;
    const code = cursor.uleb();
    if (code === 0) return undefined;
    const abbrev = open.abbrevs.get(code);
    if (abbrev === undefined) throw cursor.corrupt(`has an entry of code ${code}, which its abbreviations lack`);
    return readEntry(cursor, abbrev, open, this.units, offset);
  }

  /** The direct children of an entry. Throws `CORRUPT` if they are more than any type has. */
  *#children(parent: DwarfEntry): Generator<DwarfEntry> {
    if (!parent.children) return;
    let offset: number = parent.end;
    for (let visits = 0; ; visits++) {
      const child = this.#read(offset);
      if (child === undefined || visits > MAX_VISITS) return;
      yield child;
      const next = child.children ? (child.sibling ?? this.#behind(child)) : child.end;
      if (next === undefined || next <= child.offset) return;
      offset = next;
    }
  }

  /** Where an entry's children end. */
  #behind(parent: DwarfEntry): number | undefined {
    let offset = parent.end;
    let depth = 1;
    for (let visits = 0; visits < MAX_VISITS; visits++) {
      const child = this.#read(offset);
      if (child === undefined) {
        offset += 1;
        depth--;
        if (depth === 0) return offset;
        continue;
      }
      offset = child.end;
      if (child.children) depth++;
    }
    return undefined;
  }

  /** The type behind typedefs and qualifiers. */
  strip(start: DwarfEntry | undefined): DwarfEntry | undefined {
    let type = start;
    for (let depth = 0; type !== undefined && isWrapper(type); depth++) {
      if (depth === MAX_DEPTH) return undefined;
      type = this.entry(type.type);
    }
    return type;
  }

  sizeOf(start: DwarfEntry | undefined): number | undefined {
    let elements = 1;
    let type = this.strip(start);
    for (let depth = 0; type?.tag === TAG.ARRAY; depth++) {
      if (depth === MAX_DEPTH) return undefined;
      for (const count of this.#counts(type)) elements *= count;
      type = this.strip(this.entry(type.type));
    }
    if (type === undefined) return undefined;
    const one = type.byteSize ?? (type.tag === TAG.POINTER ? this.file.elfClass / 8 : undefined);
    const size = one === undefined ? undefined : one * elements;
    return Number.isSafeInteger(size) ? size : undefined;
  }

  /** Number of elements of each dimension; 0 for a flexible array. */
  #counts(array: DwarfEntry): number[] {
    const counts: number[] = [];
    for (const child of this.#children(array)) {
      if (child.tag !== TAG.SUBRANGE) continue;
      const count = child.count ?? (child.upperBound === undefined ? 0n : child.upperBound + 1n);
      counts.push(Number(count < 0n ? 0n : count));
    }
    return counts;
  }

  members(type: DwarfEntry): KernelMember[] {
    const members: KernelMember[] = [];
    for (const child of this.#children(type)) {
      if (child.tag === TAG.MEMBER) members.push(this.#describe(child, 0));
    }
    return members;
  }

  member(start: DwarfEntry, path: string): KernelMember | undefined {
    const steps = parsePath(path);
    if (steps === undefined) return undefined;
    let type: DwarfEntry | undefined = start;
    let counts: number[] | undefined;
    let base = 0;
    let last: KernelMember | undefined;
    for (const step of steps) {
      type = this.strip(type);
      if (type === undefined) return undefined;
      if (typeof step === "string") {
        const found = isCompound(type) && counts === undefined ? this.#search(type, step) : undefined;
        if (found === undefined) return undefined;
        last = this.#describe(found.member, base + found.base);
        if (!liesWithin(last, base, this.sizeOf(type))) return undefined;
        base = last.offset;
        type = this.entry(found.member.type);
        counts = undefined;
        continue;
      }
      if (type.tag !== TAG.ARRAY) return undefined;
      const [count = 0, ...inner] = counts ?? this.#counts(type);
      const element = this.strip(this.entry(type.type));
      const one = this.sizeOf(element);
      // Zero elements: a flexible array, which has as many as fit.
      if (one === undefined || (step >= count && count !== 0)) return undefined;
      const size = inner.reduce((product, n) => product * n, one);
      base += step * size;
      const text = `${this.text(type.type)}${inner.map((n) => `[${n}]`).join("")}`;
      last = { name: `${last?.name ?? ""}[${step}]`, offset: base, size, type: text };
      const [next] = inner;
      if (next !== undefined) last = { ...last, count: next, elementSize: next === 0 ? size : size / next };
      else type = element;
      counts = next === undefined ? undefined : inner;
    }
    return Number.isSafeInteger(base) ? last : undefined;
  }

  /** All numbers and pointers of a type. */
  scalars(start: DwarfEntry): KernelScalar[] | undefined {
    return flattenType<DwarfNode>({ entry: start, counts: undefined }, (node) => this.#form(node));
  }

  #form({ entry, counts }: DwarfNode): TypeForm<DwarfNode> | undefined {
    const type = this.strip(entry);
    if (type === undefined) return undefined;
    if (type.tag === TAG.ARRAY) {
      const [count = 0, ...inner] = counts ?? this.#counts(type);
      const element = inner.length > 0 ? { entry: type, counts: inner } : nodeOf(this.entry(type.type));
      return element && { kind: "array", element, count };
    }
    const size = this.sizeOf(type);
    if (size === undefined) return undefined;
    if (!isCompound(type)) return { kind: type.tag === TAG.POINTER ? "pointer" : "integer", size };
    const members = [];
    for (const child of this.#children(type)) {
      if (child.tag !== TAG.MEMBER) continue;
      const { name, offset, size: unit, bitSize } = this.#describe(child, 0);
      const node = nodeOf(this.entry(child.type));
      if (node === undefined) return undefined;
      members.push({ name, type: node, offset, ...(bitSize !== undefined && { size: unit }) });
    }
    return { kind: "compound", size, members };
  }

  /**
   * A member by name, also inside of anonymous structs and unions. Each of those is searched once, so that the cost is
   * bounded.
   */
  #search(outer: DwarfEntry, name: string): { readonly member: DwarfEntry; readonly base: number } | undefined {
    const queue = [{ type: outer, base: 0 }];
    const seen = new Set([outer.offset]);
    let visits = 0;
    for (const { type, base } of queue) {
      for (const member of this.#children(type)) {
        if (++visits > MAX_VISITS) return undefined;
        if (member.tag !== TAG.MEMBER) continue;
        if (member.name === name) return { member, base };
        if (member.name !== undefined) continue;
        const inner = this.strip(this.entry(member.type));
        if (inner === undefined || !isCompound(inner) || seen.has(inner.offset)) continue;
        seen.add(inner.offset);
        queue.push({ type: inner, base: base + (member.location ?? 0) });
      }
    }
    return undefined;
  }

  /** Describes a member. `base` is the offset of the struct that the member is in. */
  #describe(member: DwarfEntry, base: number): KernelMember {
    const type = this.entry(member.type);
    const size = this.sizeOf(type) ?? 0;
    const bits: BitPlace | undefined = bitPlace(member, size, this.file.littleEndian);
    const text = member.type === undefined ? "void" : this.text(member.type);
    const described = {
      name: member.name ?? "",
      offset: base + (bits?.offset ?? member.location ?? 0),
      size,
      type: text,
    };
    if (bits !== undefined) return { ...described, bitOffset: bits.bitOffset, bitSize: bits.bitSize };
    const array = this.strip(type);
    if (array?.tag !== TAG.ARRAY) return described;
    const [count = 0, ...inner] = this.#counts(array);
    const one = this.sizeOf(this.entry(array.type));
    if (one === undefined) return described;
    return { ...described, count, elementSize: inner.reduce((product, n) => product * n, one) };
  }

  /** A type as C writes it. */
  text(ref: EntryRef | undefined, depth = 0): string {
    if (ref === undefined) return "void";
    const type = this.entry(ref);
    if (type === undefined || depth > MAX_DEPTH) return "?";
    const inner = () => this.text(type.type, depth + 1);
    switch (type.tag) {
      case TAG.STRUCTURE:
      case TAG.CLASS:
        return `struct ${type.name ?? ""}`.trimEnd();
      case TAG.UNION:
        return `union ${type.name ?? ""}`.trimEnd();
      case TAG.ENUMERATION:
        return `enum ${type.name ?? ""}`.trimEnd();
      case TAG.POINTER:
        return pointerText(inner());
      case TAG.ARRAY: {
        const dimensions = this.#counts(type).map((count) => `[${count}]`);
        return `${inner()}${dimensions.join("")}`;
      }
      case TAG.CONST:
        return qualifiedText("const", inner());
      case TAG.VOLATILE:
        return qualifiedText("volatile", inner());
      case TAG.RESTRICT:
      case TAG.ATOMIC:
        return inner();
      case TAG.SUBROUTINE:
        return `${inner()} ()`;
      case TAG.BASE:
        return integerName(type.name ?? "?");
      default:
        return type.name ?? "?";
    }
  }
}

/** Where a bit field is, in the terms of `KernelMember`. */
interface BitPlace {
  readonly offset: number;
  readonly bitOffset: number;
  readonly bitSize: number;
}

/**
 * Where a bit field of a type of `size` bytes is; `undefined` for other members. DWARF 4 and later count its first bit
 * from the start of the struct (least significant bit first on little-endian machines), older compilers from the most
 * significant bit of the storage unit, on every machine.
 */
function bitPlace(member: DwarfEntry, size: number, littleEndian: boolean): BitPlace | undefined {
  const { bitSize, dataBitOffset, bitOffset, location, byteSize } = member;
  if (bitSize === undefined) return undefined;
  const storage = byteSize ?? (size === 0 ? 1 : size);
  if (dataBitOffset !== undefined || bitOffset === undefined) {
    const first = dataBitOffset ?? (location ?? 0) * 8;
    const unit = Math.floor(first / (storage * 8)) * storage;
    // A packed bit field may cross the end of its unit: then its offset is that of the byte where it begins.
    const offset = first - unit * 8 + bitSize <= storage * 8 ? unit : Math.floor(first / 8);
    return { offset, bitOffset: first - offset * 8, bitSize };
  }
  const first = littleEndian ? storage * 8 - bitOffset - bitSize : bitOffset;
  return { offset: location ?? 0, bitOffset: Math.max(0, first), bitSize };
}

/** How C writes a pointer to a type. */
function pointerText(text: string): string {
  if (text.endsWith(" ()")) return `${text.slice(0, -3)} (*)()`;
  const bracket = text.endsWith("]") ? text.indexOf("[") : -1;
  if (bracket >= 0) return `${text.slice(0, bracket)} (*)${text.slice(bracket)}`;
  return text.endsWith("*") ? `${text}*` : `${text} *`;
}

/** How C writes a qualified type. */
function qualifiedText(word: "const" | "volatile", text: string): string {
  return text.endsWith("*") ? `${text} ${word}` : `${word} ${text}`;
}
