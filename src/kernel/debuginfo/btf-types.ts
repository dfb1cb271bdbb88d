import type { Btf, BtfType } from "./btf.js";
import { BTF_KIND } from "./btf-format.js";
import {
  integerName,
  isIntegerName,
  type KernelMember,
  type KernelTypes,
  liesWithin,
  MOST_STRUCT,
  parsePath,
} from "./kernel-types.js";
import { remember } from "./remember.js";
import { flattenType, type TypeForm } from "./scalars.js";

/** No type of C nests deeper: a longer chain of typedefs, arrays or anonymous structs is a cycle. */
const MAX_DEPTH = 32;
/** The most struct members that are read to find one member: no kernel struct has as many, but hostile ones may. */
const MAX_VISITS = 1_000_000;

const KEYWORDS: Readonly<Record<string, readonly number[]>> = {
  struct: [BTF_KIND.STRUCT],
  union: [BTF_KIND.UNION],
  enum: [BTF_KIND.ENUM, BTF_KIND.ENUM64],
};
/** The kinds that a name without a keyword may have, in the order in which they are tried. */
const BARE: readonly (readonly number[])[] = [
  [BTF_KIND.STRUCT],
  [BTF_KIND.UNION],
  [BTF_KIND.TYPEDEF],
  [BTF_KIND.ENUM, BTF_KIND.ENUM64],
  [BTF_KIND.INT, BTF_KIND.FLOAT],
];

/**
 * Kernel types from BTF. If several types have one name the first counts. `wordSize` is the size of a pointer, which
 * BTF does not record. Results are cached by name.
 */
export function btfTypes(btf: Btf, wordSize: 4 | 8, source: string): KernelTypes {
  const reader = new BtfTypeReader(btf, wordSize);
  const found = remember((name: string) => reader.find(name));
  const member = remember((question: string) => {
    const bar = question.indexOf("|");
    const type = found(question.slice(0, bar));
    return type === undefined ? undefined : reader.member(type, question.slice(bar + 1));
  });
  const scalars = remember((name: string) => {
    const type = found(name);
    return type === undefined ? undefined : flattenType(type.id, (id) => reader.form(id));
  });
  const types: KernelTypes = {
    source,
    scalars,
    sizeOf(name) {
      if (name.trimEnd().endsWith("*")) return wordSize;
      const type = found(name);
      return type === undefined ? undefined : reader.sizeOf(type.id);
    },
    member: (type, path) => member(`${type}|${path}`),
    members(name) {
      const type = reader.strip(found(name)?.id);
      return type === undefined || !isCompound(type)
        ? undefined
        : [...btfMembers(btf, type)]
            .map((raw) => reader.describe(raw, 0))
            .filter((member) => liesWithin(member, 0, reader.sizeOf(type.id)));
    },
    enumerator: remember((name: string) => btf.enumerator(name)),
    variable(name) {
      const [type] = btf.named(name, [BTF_KIND.VAR]);
      return type === undefined ? undefined : reader.text(type.sizeOrType);
    },
  };
  behind.set(types, btf);
  return types;
}

const behind = new WeakMap<KernelTypes, Btf>();

/**
 * The BTF that types were made from: the ids of a module's BTF continue after it. `undefined` for types of another
 * source.
 */
export function btfBehind(types: KernelTypes): Btf | undefined {
  return behind.get(types);
}

function isCompound(type: BtfType): boolean {
  return type.kind === BTF_KIND.STRUCT || type.kind === BTF_KIND.UNION;
}

class BtfTypeReader {
  #integers: ReadonlyMap<string, BtfType> | undefined;

  constructor(
    private readonly btf: Btf,
    private readonly wordSize: number,
  ) {}

  /** A type by its name in C. */
  find(name: string): BtfType | undefined {
    const [first = "", second, ...rest] = name.trim().split(/\s+/);
    const kinds = KEYWORDS[first];
    if (kinds !== undefined && second !== undefined && rest.length === 0) return this.#first(second, kinds);
    for (const bare of BARE) {
      const type = this.#first(name.trim(), bare);
      if (type !== undefined) return type;
    }
    // Of any other name INT has been asked above.
    if (!isIntegerName(name)) return undefined;
    this.#integers ??= this.#integerTypes();
    return this.#integers.get(integerName(name));
  }

  #first(name: string, kinds: readonly number[]): BtfType | undefined {
    for (const type of this.btf.named(name, kinds)) return type;
    return undefined;
  }

  #integerTypes(): Map<string, BtfType> {
    const byName = new Map<string, BtfType>();
    for (const id of this.btf.ofKind([BTF_KIND.INT])) {
      const type = this.btf.type(id) as BtfType;
      const name = integerName(this.btf.string(type.name));
      if (!byName.has(name)) byName.set(name, type);
    }
    return byName;
  }

  /** The type behind typedefs and qualifiers. */
  strip(id: number | undefined): BtfType | undefined {
    let type = id === undefined ? undefined : this.btf.type(id);
    for (let depth = 0; type !== undefined && isWrapper(type.kind); depth++) {
      if (depth === MAX_DEPTH) return undefined;
      type = this.btf.type(type.sizeOrType);
    }
    return type;
  }

  /** Size in bytes; `undefined` for void, functions, and types of which only a declaration exists. */
  sizeOf(id: number): number | undefined {
    let elements = 1;
    let type = this.strip(id);
    for (let depth = 0; type?.kind === BTF_KIND.ARRAY; depth++) {
      if (depth === MAX_DEPTH) return undefined;
      const array = this.#array(type);
      elements *= array.count;
      type = this.strip(array.element);
    }
    const one = type === undefined ? undefined : this.#scalarSize(type);
    const size = one === undefined ? undefined : one * elements;
    return Number.isSafeInteger(size) ? size : undefined;
  }

  #scalarSize(type: BtfType): number | undefined {
    switch (type.kind) {
      case BTF_KIND.PTR:
        return this.wordSize;
      case BTF_KIND.INT:
      case BTF_KIND.FLOAT:
      case BTF_KIND.ENUM:
      case BTF_KIND.ENUM64:
        return type.sizeOrType;
      case BTF_KIND.STRUCT:
      case BTF_KIND.UNION:
        return type.sizeOrType > MOST_STRUCT ? undefined : type.sizeOrType;
      default:
        return undefined;
    }
  }

  #array(type: BtfType): { element: number; count: number } {
    const { littleEndian } = this.btf;
    return {
      element: type.view.getUint32(type.at, littleEndian),
      count: type.view.getUint32(type.at + 8, littleEndian),
    };
  }

  member(start: BtfType, path: string): KernelMember | undefined {
    const steps = parsePath(path);
    if (steps === undefined) return undefined;
    let id = start.id;
    let base = 0;
    let last: KernelMember | undefined;
    for (const step of steps) {
      const type = this.strip(id);
      if (type === undefined) return undefined;
      if (typeof step === "string") {
        const found = isCompound(type) ? this.#search(type, step) : undefined;
        if (found === undefined) return undefined;
        last = this.describe(found.raw, base + found.base);
        if (!liesWithin(last, base, this.sizeOf(type.id))) return undefined;
        base = last.offset;
        id = found.raw.type;
      } else {
        if (type.kind !== BTF_KIND.ARRAY) return undefined;
        const { element, count } = this.#array(type);
        const size = this.sizeOf(element);
        // Zero elements: a flexible array, which has as many as fit.
        if (size === undefined || (step >= count && count !== 0)) return undefined;
        base += step * size;
        id = element;
        last = this.#described(`${last?.name ?? ""}[${step}]`, base, element);
      }
    }
    return Number.isSafeInteger(base) ? last : undefined;
  }

  /**
   * A member by name, also inside of anonymous structs and unions. Each of those is searched once, so that the cost is
   * bounded.
   */
  #search(outer: BtfType, name: string): { readonly raw: RawMember; readonly base: number } | undefined {
    const queue = [{ type: outer, base: 0 }];
    const seen = new Set([outer.id]);
    let visits = 0;
    for (const { type, base } of queue) {
      for (const raw of btfMembers(this.btf, type)) {
        if (++visits > MAX_VISITS) return undefined;
        if (raw.name === name) return { raw, base };
        if (raw.name !== "" || seen.has(raw.type)) continue;
        const inner = this.strip(raw.type);
        if (inner === undefined || !isCompound(inner) || seen.has(inner.id)) continue;
        seen.add(inner.id);
        queue.push({ type: inner, base: base + Math.floor(raw.bit / 8) });
      }
    }
    return undefined;
  }

  /** The form of a type, for `flattenType`. */
  form(id: number): TypeForm<number> | undefined {
    const type = this.strip(id);
    if (type === undefined) return undefined;
    if (type.kind === BTF_KIND.ARRAY) {
      const { element, count } = this.#array(type);
      return { kind: "array", element, count };
    }
    const size = this.#scalarSize(type);
    if (size === undefined) return undefined;
    if (!isCompound(type)) return { kind: type.kind === BTF_KIND.PTR ? "pointer" : "integer", size };
    const members = [...btfMembers(this.btf, type)].map((raw) => {
      if (raw.bits === undefined) return { name: raw.name, type: raw.type, offset: Math.floor(raw.bit / 8) };
      const first = Math.floor(raw.bit / 8);
      return { name: raw.name, type: raw.type, offset: first, size: Math.ceil((raw.bit + raw.bits) / 8) - first };
    });
    return { kind: "compound", size, members };
  }

  /** Describes a member. `base` is the offset of the struct that the member is in. */
  describe(raw: RawMember, base: number): KernelMember {
    const { name, type, bit, bits } = raw;
    if (bits === undefined) return this.#described(name, base + Math.floor(bit / 8), type);
    const size = this.sizeOf(type) ?? 1;
    const unit = Math.floor(bit / (size * 8)) * size;
    // A packed bit field may cross the end of its unit: then its offset is that of the byte where it begins.
    const offset = bit - unit * 8 + bits <= size * 8 ? unit : Math.floor(bit / 8);
    return { ...this.#described(name, base + offset, type), bitOffset: bit - offset * 8, bitSize: bits };
  }

  #described(name: string, offset: number, id: number): KernelMember {
    const member = { name, offset, size: this.sizeOf(id) ?? 0, type: this.text(id) };
    const type = this.strip(id);
    if (type?.kind !== BTF_KIND.ARRAY) return member;
    const { element, count } = this.#array(type);
    const elementSize = this.sizeOf(element);
    return elementSize === undefined ? member : { ...member, count, elementSize };
  }

  /** A type as C writes it. */
  text(id: number, depth = 0): string {
    if (id === 0) return "void";
    const type = this.btf.type(id);
    if (type === undefined || depth > MAX_DEPTH) return "?";
    const name = this.btf.string(type.name);
    switch (type.kind) {
      case BTF_KIND.STRUCT:
        return `struct ${name}`.trimEnd();
      case BTF_KIND.UNION:
        return `union ${name}`.trimEnd();
      case BTF_KIND.FWD:
        return `${type.kindFlag ? "union" : "struct"} ${name}`;
      case BTF_KIND.ENUM:
      case BTF_KIND.ENUM64:
        return `enum ${name}`.trimEnd();
      case BTF_KIND.PTR:
        return pointerTo(this.text(type.sizeOrType, depth + 1));
      case BTF_KIND.ARRAY:
        return this.#arrayText(type, depth);
      case BTF_KIND.CONST:
      case BTF_KIND.VOLATILE:
      case BTF_KIND.RESTRICT:
        return qualified(type.kind, this.text(type.sizeOrType, depth + 1));
      case BTF_KIND.TYPE_TAG:
        return this.text(type.sizeOrType, depth + 1);
      case BTF_KIND.FUNC_PROTO:
        return `${this.text(type.sizeOrType, depth + 1)} ()`;
      case BTF_KIND.INT:
        return integerName(name);
      default:
        return name === "" ? "?" : name;
    }
  }

  #arrayText(type: BtfType, depth: number): string {
    const { element, count } = this.#array(type);
    const inner = this.text(element, depth + 1);
    // The outermost dimension comes first: an array of int[6] is int[5][6].
    const isArray = this.btf.type(element)?.kind === BTF_KIND.ARRAY;
    const at = isArray ? inner.indexOf("[") : -1;
    return at < 0 ? `${inner}[${count}]` : `${inner.slice(0, at)}[${count}]${inner.slice(at)}`;
  }
}

function isWrapper(kind: number): boolean {
  return (
    kind === BTF_KIND.TYPEDEF ||
    kind === BTF_KIND.CONST ||
    kind === BTF_KIND.VOLATILE ||
    kind === BTF_KIND.RESTRICT ||
    kind === BTF_KIND.TYPE_TAG
  );
}

function pointerTo(text: string): string {
  if (text.endsWith(" ()")) return `${text.slice(0, -3)} (*)()`;
  const bracket = text.endsWith("]") ? text.indexOf("[") : -1;
  if (bracket >= 0) return `${text.slice(0, bracket)} (*)${text.slice(bracket)}`;
  return text.endsWith("*") ? `${text}*` : `${text} *`;
}

function qualified(kind: number, text: string): string {
  if (kind === BTF_KIND.RESTRICT) return text;
  const word = kind === BTF_KIND.CONST ? "const" : "volatile";
  return text.endsWith("*") ? `${text} ${word}` : `${word} ${text}`;
}

/** A member as it is stored in BTF. */
interface RawMember {
  readonly name: string;
  /** Id of its type. */
  readonly type: number;
  /** First bit, from the start of the struct. */
  readonly bit: number;
  /** Width of a bit field. */
  readonly bits: number | undefined;
}

const MEMBER_SIZE = 12;

/** The direct members of a struct or union in order. */
export function* btfMembers(btf: Btf, type: BtfType): Generator<RawMember> {
  for (let i = 0; i < type.vlen; i++) {
    const at = type.at + i * MEMBER_SIZE;
    const name = btf.string(type.view.getUint32(at, btf.littleEndian));
    const id = type.view.getUint32(at + 4, btf.littleEndian);
    const offset = type.view.getUint32(at + 8, btf.littleEndian);
    if (type.kindFlag) {
      // Since 5.0: the width in the upper 8 bits, 0 for a member that is not a bit field.
      const bits = offset >>> 24;
      yield { name, type: id, bit: offset & 0xffffff, bits: bits === 0 ? undefined : bits };
    } else {
      yield { name, type: id, ...withoutFlag(btf, id, offset) };
    }
  }
}

/** Without the flag, a bit field has the width of its integer type, which is then narrower than its bytes. */
function withoutFlag(btf: Btf, id: number, bit: number): Pick<RawMember, "bit" | "bits"> {
  const type = btf.type(id);
  if (type?.kind !== BTF_KIND.INT) return { bit, bits: undefined };
  const encoding = type.view.getUint32(type.at, btf.littleEndian);
  const width = encoding & 0xff;
  const first = bit + ((encoding >>> 16) & 0xff);
  if (first % 8 === 0 && width === type.sizeOrType * 8) return { bit, bits: undefined };
  return { bit: first, bits: width };
}
