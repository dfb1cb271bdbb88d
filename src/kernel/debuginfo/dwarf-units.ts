import { cString, type ElfFile, findSection, isPlain, sectionBytes } from "../../reader/elf/sections.js";
import { readExactly } from "../../reader/source/byte-source.js";
import { firstIndex } from "../../sorted.js";
import { type AbbrevTable, readAbbrevs } from "./dwarf-abbrevs.js";
import { DwarfCursor } from "./dwarf-cursor.js";
import { UNIT_TYPES } from "./dwarf-format.js";
import type { FormSizes } from "./dwarf-forms.js";

/** A unit of .debug_info, or of .debug_types, whose offsets count on from the end of .debug_info. */
export interface DwarfUnit extends FormSizes {
  readonly start: number;
  /** Bytes, including the header. */
  readonly length: number;
  /** Offset of the first entry from `start`. */
  readonly firstEntry: number;
  readonly abbrevOffset: number;
  /** Only for a type unit: the signature by which others refer to its type, and the type's offset from `start`. */
  readonly signature: bigint | undefined;
  readonly typeOffset: number;
}

/** A unit in memory. */
export interface OpenUnit {
  readonly unit: DwarfUnit;
  readonly bytes: Uint8Array;
  readonly abbrevs: AbbrevTable;
  /** Where its part of .debug_str_offsets begins: set once its first entry was read. */
  strOffsetsBase: number;
}

/** A unit is that of one source file, also with whole-program optimisation: 3 MiB in Debian's kernels at most. */
const MAX_UNIT = 2 ** 28;
/** The most units that are kept in memory: related types are mostly in the same unit. */
const MAX_OPEN = 8;
/** The most abbreviation tables that are kept: mostly one per unit. */
const MAX_TABLES = 64;

interface Section {
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
}

/**
 * The units of a file's debug information, found one after the other. .debug_info is read unit by unit; if it is
 * compressed, all of it is held in memory. Throws what its parts throw: `CORRUPT`, `TRUNCATED`, `LIMIT`,
 * `CODEC_MISSING`.
 */
export class DwarfUnits {
  readonly #types: Section;
  readonly #abbrev: Uint8Array;
  readonly #texts = new Map<string, Uint8Array>();
  readonly #names = new Map<number, string>();
  readonly #units: DwarfUnit[] = [];
  readonly #bySignature = new Map<bigint, DwarfUnit>();
  readonly #open = new Map<number, OpenUnit>();
  readonly #tables = new Map<number, AbbrevTable>();
  #next = 0;

  private constructor(
    private readonly file: ElfFile,
    private readonly info: Section,
  ) {
    this.#types = sectionReader(file, ".debug_types") ?? { size: 0, read: () => new Uint8Array(0) };
    this.#abbrev = this.#wholeSection(".debug_abbrev");
  }

  /** `undefined` for a file without DWARF. */
  static of(file: ElfFile): DwarfUnits | undefined {
    const info = sectionReader(file, ".debug_info");
    return info === undefined ? undefined : new DwarfUnits(file, info);
  }

  /** The next unit's header; `undefined` after the last one. */
  next(): DwarfUnit | undefined {
    const start = this.#next;
    if (start >= this.info.size + this.#types.size) return undefined;
    const unit = this.#header(start);
    this.#next = start + unit.length;
    this.#units.push(unit);
    if (unit.signature !== undefined && !this.#bySignature.has(unit.signature)) {
      this.#bySignature.set(unit.signature, unit);
    }
    return unit;
  }

  /** The unit that contains an offset. */
  at(offset: number): DwarfUnit | undefined {
    while (offset >= this.#next && this.next() !== undefined);
    const behind = firstIndex(this.#units.length, (i) => (this.#units[i] as DwarfUnit).start > offset);
    const unit = this.#units[behind - 1];
    return unit !== undefined && offset < unit.start + unit.length ? unit : undefined;
  }

  /** The type unit with a signature: searches up to the end. */
  bySignature(signature: bigint): DwarfUnit | undefined {
    while (!this.#bySignature.has(signature) && this.next() !== undefined);
    return this.#bySignature.get(signature);
  }

  /** Reads a unit, or takes it from those that are kept. */
  open(unit: DwarfUnit): OpenUnit {
    const known = this.#open.get(unit.start);
    if (known !== undefined) return known;
    if (this.#open.size >= MAX_OPEN) this.#open.delete(this.#open.keys().next().value as number);
    const bytes = this.#read(unit.start, unit.length);
    const strOffsetsBase = unit.version < 5 ? 0 : unit.offsetSize * 2;
    const open = { unit, bytes, abbrevs: this.#table(unit.abbrevOffset), strOffsetsBase };
    this.#open.set(unit.start, open);
    return open;
  }

  /** A cursor in a unit, at an offset from its start. */
  cursor({ bytes }: OpenUnit, offset: number): DwarfCursor {
    return new DwarfCursor(bytes, this.file.littleEndian, this.file.source.name, offset);
  }

  /** The text at an offset in a section of texts. */
  text(section: ".debug_str" | ".debug_line_str", offset: number): string {
    // The same few names come again and again: the cache saves making a new string.
    const key = section === ".debug_str" ? offset : -1 - offset;
    let name = this.#names.get(key);
    if (name === undefined) {
      name = cString(this.#wholeSection(section), offset);
      this.#names.set(key, name);
    }
    return name;
  }

  /** The text at an index of a unit's table in .debug_str_offsets. */
  indexedText({ unit, strOffsetsBase }: OpenUnit, index: number): string {
    const table = this.#wholeSection(".debug_str_offsets");
    const at = strOffsetsBase + index * unit.offsetSize;
    if (at + unit.offsetSize > table.length) return "";
    const cursor = new DwarfCursor(table, this.file.littleEndian, this.file.source.name, at);
    return this.text(".debug_str", cursor.offset(unit.offsetSize));
  }

  #wholeSection(name: string): Uint8Array {
    let bytes = this.#texts.get(name);
    if (bytes === undefined) {
      const section = findSection(this.file, name);
      bytes = section === undefined ? new Uint8Array(0) : sectionBytes(this.file, section);
      this.#texts.set(name, bytes);
    }
    return bytes;
  }

  #read(start: number, length: number): Uint8Array {
    const { size } = this.info;
    return start < size ? this.info.read(start, length) : this.#types.read(start - size, length);
  }

  /** DWARF 5, 7.5.1; DWARF 4, 7.5.1 for the older header. */
  #header(start: number): DwarfUnit {
    const { littleEndian, source } = this.file;
    const inTypes = start >= this.info.size;
    const room = this.info.size + (inTypes ? this.#types.size : 0) - start;
    const cursor = new DwarfCursor(this.#read(start, Math.min(room, 64)), littleEndian, source.name);
    let length = cursor.u32();
    const offsetSize = length === 0xffff_ffff ? 8 : 4;
    if (offsetSize === 8) length = cursor.offset(8);
    length += cursor.pos;
    if (length > room) throw cursor.corrupt(`has a unit of ${length} bytes where ${room} are left`);
    if (length > MAX_UNIT) throw cursor.corrupt(`has a unit of ${length} bytes; at most ${MAX_UNIT} are read`);
    const version = cursor.u16();
    if (version < 2 || version > 5) throw cursor.corrupt(`has a unit of version ${version}; 2 to 5 are known`);
    const unitType = version >= 5 ? cursor.u8() : inTypes ? UNIT_TYPES.TYPE : 0;
    let addressSize = version >= 5 ? cursor.u8() : 0;
    const abbrevOffset = cursor.offset(offsetSize);
    if (version < 5) addressSize = cursor.u8();
    const isType = unitType === UNIT_TYPES.TYPE || unitType === UNIT_TYPES.SPLIT_TYPE;
    if (unitType === UNIT_TYPES.SKELETON || unitType === UNIT_TYPES.SPLIT_COMPILE) cursor.skip(8);
    const signature = isType ? cursor.u64() : undefined;
    const typeOffset = isType ? cursor.offset(offsetSize) : 0;
    const sizes = { version, addressSize, offsetSize } as const;
    return { ...sizes, start, length, firstEntry: cursor.pos, abbrevOffset, signature, typeOffset };
  }

  #table(offset: number): AbbrevTable {
    const known = this.#tables.get(offset);
    if (known !== undefined) return known;
    if (this.#tables.size >= MAX_TABLES) this.#tables.clear();
    const table = readAbbrevs(new DwarfCursor(this.#abbrev, this.file.littleEndian, this.file.source.name, offset));
    this.#tables.set(offset, table);
    return table;
  }
}

function sectionReader(file: ElfFile, name: string): Section | undefined {
  const section = findSection(file, name);
  if (section === undefined) return undefined;
  const { size, offset } = section;
  if (isPlain(section)) {
    return { size, read: (at, length) => readExactly(file.source, offset + at, length, `section ${name}`) };
  }
  const bytes = sectionBytes(file, section);
  return { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) };
}
