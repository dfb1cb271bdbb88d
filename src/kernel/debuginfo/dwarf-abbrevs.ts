import type { DwarfCursor } from "./dwarf-cursor.js";
import { FORM } from "./dwarf-format.js";

/** One attribute of an abbreviation. */
export interface AbbrevAttribute {
  readonly at: number;
  readonly form: number;
  /** Only for DW_FORM_implicit_const: its value. */
  readonly implicit: bigint;
}

/** Tag and attributes of all entries with one code. */
export interface Abbrev {
  readonly tag: number;
  readonly children: boolean;
  readonly attributes: readonly AbbrevAttribute[];
}

/** By code; codes are small and dense in what compilers write. */
export type AbbrevTable = ReadonlyMap<number, Abbrev>;

/** Kernels have some hundreds per unit. */
const MAX_ABBREVS = 1 << 16;
const MAX_ATTRIBUTES = 256;

/** Reads the table at the cursor. Throws `CORRUPT`. */
export function readAbbrevs(cursor: DwarfCursor): AbbrevTable {
  const table = new Map<number, Abbrev>();
  for (let code = cursor.uleb(); code !== 0; code = cursor.uleb()) {
    if (table.size >= MAX_ABBREVS) throw cursor.corrupt(`has a table of more than ${MAX_ABBREVS} abbreviations`);
    const tag = cursor.uleb();
    const children = cursor.u8() !== 0;
    const attributes: AbbrevAttribute[] = [];
    for (;;) {
      const at = cursor.uleb();
      const form = cursor.uleb();
      const implicit = form === FORM.IMPLICIT_CONST ? cursor.bigLeb(true) : 0n;
      if (at === 0 && form === 0) break;
      if (attributes.length >= MAX_ATTRIBUTES) throw cursor.corrupt("has an abbreviation of too many attributes");
      attributes.push({ at, form, implicit });
    }
    table.set(code, { tag, children, attributes });
  }
  return table;
}
