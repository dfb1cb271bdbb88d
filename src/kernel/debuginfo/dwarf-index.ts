import type { Abbrev } from "./dwarf-abbrevs.js";
import type { DwarfCursor } from "./dwarf-cursor.js";
import { type DwarfEntry, readEntry, skipEntry } from "./dwarf-entries.js";
import { LANG_RUST, TAG } from "./dwarf-format.js";
import type { DwarfUnit, DwarfUnits, OpenUnit } from "./dwarf-units.js";

/** What a name may stand for. */
export type NameKind = "struct" | "union" | "enum" | "typedef" | "base" | "variable";

const KIND_OF_TAG: ReadonlyMap<number, NameKind> = new Map<number, NameKind>([
  [TAG.STRUCTURE, "struct"],
  [TAG.CLASS, "struct"],
  [TAG.UNION, "union"],
  [TAG.ENUMERATION, "enum"],
  [TAG.TYPEDEF, "typedef"],
  [TAG.BASE, "base"],
  [TAG.VARIABLE, "variable"],
]);

/**
 * Names of types, enumerators and variables. Units are read one by one and only as far as a search needs: what a
 * kernel's struct pages need is in the first units. Searching for a name that does not exist reads all units. If
 * several things have one name the first counts, and a definition is preferred to declarations.
 */
export class DwarfIndex {
  readonly #offsets: Readonly<Record<NameKind, Map<string, number>>> = {
    struct: new Map(),
    union: new Map(),
    enum: new Map(),
    typedef: new Map(),
    base: new Map(),
    variable: new Map(),
  };
  readonly #declared = new Map<string, number>();
  readonly #enumerators = new Map<string, bigint>();
  #position = 0;

  constructor(private readonly units: DwarfUnits) {}

  /** Offset of the first entry of that name and one of these kinds. */
  find(name: string, kinds: readonly NameKind[]): number | undefined {
    do {
      for (const kind of kinds) {
        const offset = this.#offsets[kind].get(name);
        if (offset !== undefined) return offset;
      }
    } while (this.#more());
    return kinds.includes("variable") ? this.#declared.get(name) : undefined;
  }

  enumerator(name: string): bigint | undefined {
    do {
      const value = this.#enumerators.get(name);
      if (value !== undefined) return value;
    } while (this.#more());
    return undefined;
  }

  #more(): boolean {
    const unit = this.units.at(this.#position);
    if (unit === undefined) return false;
    this.#position = unit.start + unit.length;
    this.#scan(unit);
    return true;
  }

  /** Reads the entries directly below the unit's first one: there C has its types and variables. */
  #scan(unit: DwarfUnit): void {
    const open = this.units.open(unit);
    const cursor = this.units.cursor(open, unit.firstEntry);
    const root = this.#abbrev(cursor, open, cursor.uleb());
    if (root === undefined) return;
    const { language, children } = readEntry(cursor, root, open, this.units, unit.start + unit.firstEntry);
    if (!children || language === LANG_RUST) return;
    let depth = 1;
    while (depth > 0 && cursor.pos < cursor.end) {
      const at = unit.start + cursor.pos;
      const abbrev = this.#abbrev(cursor, open, cursor.uleb());
      if (abbrev === undefined) {
        depth--;
        continue;
      }
      const kind = depth === 1 ? KIND_OF_TAG.get(abbrev.tag) : undefined;
      let sibling: number | undefined;
      if (kind === undefined) {
        sibling = skipEntry(cursor, abbrev, open);
      } else {
        const entry = readEntry(cursor, abbrev, open, this.units, at);
        sibling = entry.sibling;
        this.#add(kind, entry, entry.name ?? this.#specifiedName(open, entry));
        if (kind === "enum" && entry.children && this.#readEnumerators(cursor, open, entry)) continue;
      }
      if (!abbrev.children) continue;
      // A sibling's offset lets the children be skipped if it lies ahead; otherwise it is damage.
      if (sibling !== undefined && sibling > at && sibling <= unit.start + unit.length) {
        cursor.pos = sibling - unit.start;
      } else {
        depth++;
      }
    }
  }

  #add(kind: NameKind, { declaration, offset }: DwarfEntry, name: string | undefined): void {
    if (name === undefined) return;
    if (declaration) {
      if (kind === "variable" && !this.#declared.has(name)) this.#declared.set(name, offset);
    } else if (!this.#offsets[kind].has(name)) {
      this.#offsets[kind].set(name, offset);
    }
  }

  /** A definition that is separate from its declaration has its name there, in the same unit. */
  #specifiedName(open: OpenUnit, { tag, specification }: DwarfEntry): string | undefined {
    const { start, length } = open.unit;
    if (tag !== TAG.VARIABLE || typeof specification !== "number") return undefined;
    if (specification <= start || specification >= start + length) return undefined;
    const cursor = this.units.cursor(open, specification - start);
    const abbrev = this.#abbrev(cursor, open, cursor.uleb());
    return abbrev === undefined ? undefined : readEntry(cursor, abbrev, open, this.units, specification).name;
  }

  /** Returns true if the cursor is behind all enumerators; false if they are known already and can be skipped. */
  #readEnumerators(cursor: DwarfCursor, open: OpenUnit, { offset, sibling }: DwarfEntry): boolean {
    let first = true;
    while (cursor.pos < cursor.end) {
      const at = open.unit.start + cursor.pos;
      const start = cursor.pos;
      const abbrev = this.#abbrev(cursor, open, cursor.uleb());
      if (abbrev === undefined) return true;
      const { name, value } = readEntry(cursor, abbrev, open, this.units, at);
      if (first && name !== undefined && this.#enumerators.has(name) && sibling !== undefined && sibling > offset) {
        cursor.pos = start;
        return false;
      }
      first = false;
      if (abbrev.tag === TAG.ENUMERATOR && name !== undefined && value !== undefined && !this.#enumerators.has(name)) {
        this.#enumerators.set(name, value);
      }
    }
    return true;
  }

  /** `undefined` for the code 0, which ends a list of children. */
  #abbrev(cursor: DwarfCursor, { abbrevs }: OpenUnit, code: number): Abbrev | undefined {
    if (code === 0) return undefined;
    const abbrev = abbrevs.get(code);
    if (abbrev === undefined) throw cursor.corrupt(`has an entry of code ${code}, which its abbreviations lack`);
    return abbrev;
  }
}
