import type { Abbrev } from "./dwarf-abbrevs.js";
import type { DwarfCursor } from "./dwarf-cursor.js";
import { AT, FORM } from "./dwarf-format.js";
import { directForm, readConstant, skipForm } from "./dwarf-forms.js";
import type { DwarfUnits, OpenUnit } from "./dwarf-units.js";

/** A reference to another entry: an offset, or the signature of a type unit. */
export type EntryRef = number | bigint;

/** The attributes of an entry that types need. Offsets count like `DwarfUnit.start`. */
export interface DwarfEntry {
  readonly offset: number;
  readonly tag: number;
  readonly children: boolean;
  /** The offset behind its attributes: there its first child begins, or its sibling if it has no children. */
  readonly end: number;
  readonly sibling: number | undefined;
  readonly name: string | undefined;
  readonly byteSize: number | undefined;
  /** DW_AT_bit_offset: from the most significant bit of the storage unit. */
  readonly bitOffset: number | undefined;
  readonly bitSize: number | undefined;
  /** DW_AT_data_bit_offset: from the start of the struct. */
  readonly dataBitOffset: number | undefined;
  readonly location: number | undefined;
  readonly type: EntryRef | undefined;
  readonly specification: EntryRef | undefined;
  readonly upperBound: bigint | undefined;
  readonly count: bigint | undefined;
  readonly value: bigint | undefined;
  readonly declaration: boolean;
  readonly language: number | undefined;
}

/** Skips an entry's attributes; returns its sibling's offset if the entry has one. */
export function skipEntry(cursor: DwarfCursor, { attributes }: Abbrev, open: OpenUnit): number | undefined {
  let sibling: number | undefined;
  for (const { at, form } of attributes) {
    if (at === AT.SIBLING) sibling = unitReference(cursor, form, open);
    else skipForm(cursor, form, open.unit);
  }
  return sibling;
}

/** Reads the entry at `offset`, whose code was just read. */
export function readEntry(
  cursor: DwarfCursor,
  abbrev: Abbrev,
  open: OpenUnit,
  units: DwarfUnits,
  offset: number,
): DwarfEntry {
  const numbers = new Map<number, bigint>();
  const refs = new Map<number, EntryRef>();
  let name: string | undefined;
  let delayedName: number | undefined;
  for (const { at, form, implicit } of abbrev.attributes) {
    switch (at) {
      case AT.NAME:
        if (form >= FORM.STRX1 && form <= FORM.STRX4) delayedName = readIndex(cursor, form);
        else if (form === FORM.STRX || form === FORM.GNU_STR_INDEX) delayedName = cursor.uleb();
        else name = readText(cursor, form, open, units);
        break;
      case AT.SIBLING:
      case AT.TYPE:
      case AT.SPECIFICATION:
      case AT.SIGNATURE: {
        const ref = readReference(cursor, form, open);
        if (ref !== undefined) refs.set(at, ref);
        break;
      }
      case AT.BYTE_SIZE:
      case AT.BIT_OFFSET:
      case AT.BIT_SIZE:
      case AT.DATA_BIT_OFFSET:
      case AT.DATA_MEMBER_LOCATION:
      case AT.UPPER_BOUND:
      case AT.COUNT:
      case AT.CONST_VALUE:
      case AT.DECLARATION:
      case AT.LANGUAGE:
      case AT.STR_OFFSETS_BASE: {
        const value = readConstant(cursor, form, implicit, open.unit);
        if (value !== undefined) numbers.set(at, fixedSign(at, form, value));
        break;
      }
      default:
        skipForm(cursor, form, open.unit);
    }
  }
  const base = numbers.get(AT.STR_OFFSETS_BASE);
  if (base !== undefined) open.strOffsetsBase = Number(base);
  if (delayedName !== undefined) name = units.indexedText(open, delayedName);
  const number = (at: number) => {
    const value = numbers.get(at);
    return value === undefined || value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(value);
  };
  const sibling = refs.get(AT.SIBLING);
  return {
    offset,
    tag: abbrev.tag,
    children: abbrev.children,
    end: open.unit.start + cursor.pos,
    sibling: typeof sibling === "number" ? sibling : undefined,
    name,
    byteSize: number(AT.BYTE_SIZE),
    bitOffset: number(AT.BIT_OFFSET),
    bitSize: number(AT.BIT_SIZE),
    dataBitOffset: number(AT.DATA_BIT_OFFSET),
    location: number(AT.DATA_MEMBER_LOCATION),
    type: refs.get(AT.TYPE),
    specification: refs.get(AT.SPECIFICATION) ?? refs.get(AT.SIGNATURE),
    upperBound: numbers.get(AT.UPPER_BOUND),
    count: numbers.get(AT.COUNT),
    value: numbers.get(AT.CONST_VALUE),
    declaration: (numbers.get(AT.DECLARATION) ?? 0n) !== 0n,
    language: number(AT.LANGUAGE),
  };
}

/** An upper bound of all ones is -1: an array without elements. */
function fixedSign(at: number, form: number, value: bigint): bigint {
  if (at !== AT.UPPER_BOUND) return value;
  const bits = { [FORM.DATA1]: 8, [FORM.DATA2]: 16, [FORM.DATA4]: 32, [FORM.DATA8]: 64 }[form];
  return bits !== undefined && value === (1n << BigInt(bits)) - 1n && bits >= 32 ? -1n : value;
}

function readIndex(cursor: DwarfCursor, form: number): number {
  if (form === FORM.STRX1) return cursor.u8();
  if (form === FORM.STRX2) return cursor.u16();
  return form === FORM.STRX3 ? cursor.u24() : cursor.u32();
}

function readText(cursor: DwarfCursor, form: number, open: OpenUnit, units: DwarfUnits): string | undefined {
  switch (form) {
    case FORM.STRING: {
      const start = cursor.pos;
      cursor.skipText();
      return Buffer.from(cursor.bytes.subarray(start, cursor.pos - 1)).toString("latin1");
    }
    case FORM.STRP:
      return units.text(".debug_str", cursor.offset(open.unit.offsetSize));
    case FORM.LINE_STRP:
      return units.text(".debug_line_str", cursor.offset(open.unit.offsetSize));
    default:
      skipForm(cursor, form, open.unit);
      return undefined;
  }
}

function readReference(cursor: DwarfCursor, form: number, open: OpenUnit): EntryRef | undefined {
  if (form === FORM.REF_SIG8) return cursor.u64();
  if (form === FORM.REF_ADDR) {
    const { version, addressSize, offsetSize } = open.unit;
    return cursor.offset(version < 3 && addressSize === 8 ? 8 : version < 3 ? 4 : offsetSize);
  }
  return unitReference(cursor, form, open);
}

/** A reference within the unit, as an offset of the section. */
function unitReference(cursor: DwarfCursor, form: number, open: OpenUnit): number | undefined {
  const { start } = open.unit;
  switch (form) {
    case FORM.REF1:
      return start + cursor.u8();
    case FORM.REF2:
      return start + cursor.u16();
    case FORM.REF4:
      return start + cursor.u32();
    case FORM.REF8:
      return start + cursor.offset(8);
    case FORM.REF_UDATA:
      return start + cursor.uleb();
    case FORM.INDIRECT:
      return unitReference(cursor, directForm(cursor), open);
    default:
      skipForm(cursor, form, open.unit);
      return undefined;
  }
}
