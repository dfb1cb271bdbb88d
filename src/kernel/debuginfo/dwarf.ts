import type { ElfFile } from "../../reader/elf/sections.js";
import type { DwarfEntry } from "./dwarf-entries.js";
import { DwarfIndex, type NameKind } from "./dwarf-index.js";
import { DwarfTypeReader, isCompound } from "./dwarf-type-reader.js";
import { DwarfUnits } from "./dwarf-units.js";
import { integerName, type KernelTypes } from "./kernel-types.js";

const ANY_TYPE: readonly NameKind[] = ["struct", "union", "typedef", "enum", "base"];
const KEYWORDS: Readonly<Record<string, readonly NameKind[]>> = {
  struct: ["struct"],
  union: ["union"],
  enum: ["enum"],
};

/**
 * Kernel types from DWARF 2 to 5. Units are read only as far as needed; searching for a name that does not exist reads
 * all units. `undefined` for a file without .debug_info. Throws, here and in each method, `CORRUPT`, `TRUNCATED`,
 * `LIMIT`, `CODEC_MISSING`.
 */
export function dwarfTypes(file: ElfFile, source: string): KernelTypes | undefined {
  const units = DwarfUnits.of(file);
  if (units === undefined) return undefined;
  const index = new DwarfIndex(units);
  const reader = new DwarfTypeReader(units, file);
  const find = (name: string): DwarfEntry | undefined => {
    const [first = "", second, ...rest] = name.trim().split(/\s+/);
    const kinds = KEYWORDS[first];
    const isTagged = kinds !== undefined && second !== undefined && rest.length === 0;
    const plain = integerName(name);
    const names = isTagged ? [second] : BASE_NAMES[plain] !== undefined ? BASE_NAMES[plain] : [name.trim()];
    for (const one of names) {
      const offset = index.find(one, isTagged ? kinds : ANY_TYPE);
      if (offset !== undefined) return reader.entry(offset);
    }
    return undefined;
  };
  return {
    source,
    sizeOf: (name) => (name.trimEnd().endsWith("*") ? file.elfClass / 8 : reader.sizeOf(find(name))),
    member(type, path) {
      const start = find(type);
      return start === undefined ? undefined : reader.member(start, path);
    },
    members(type) {
      const start = reader.strip(find(type));
      return start === undefined || !isCompound(start) ? undefined : reader.members(start);
    },
    scalars(type) {
      const start = find(type);
      return start === undefined ? undefined : reader.scalars(start);
    },
    enumerator: (name) => index.enumerator(name),
    variable(name) {
      const offset = index.find(name, ["variable"]);
      const found = reader.entry(offset);
      const type = found?.type ?? reader.entry(found?.specification)?.type;
      return type === undefined ? undefined : reader.text(type);
    },
  };
}

/** How compilers name C's integers: GCC, then clang. */
const BASE_NAMES: Readonly<Record<string, readonly string[]>> = {
  char: ["char"],
  "signed char": ["signed char"],
  "unsigned char": ["unsigned char"],
  short: ["short int", "short"],
  "unsigned short": ["short unsigned int", "unsigned short"],
  int: ["int"],
  "unsigned int": ["unsigned int"],
  long: ["long int", "long"],
  "unsigned long": ["long unsigned int", "unsigned long"],
  "long long": ["long long int", "long long"],
  "unsigned long long": ["long long unsigned int", "unsigned long long"],
};
