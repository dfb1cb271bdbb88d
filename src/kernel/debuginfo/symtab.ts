import { damagedFileError } from "../../reader/damage.js";
import { cString, type ElfFile, type ElfSection, SHT_SYMTAB, sectionBytes } from "../../reader/elf/sections.js";
import { hashName, NameIndex } from "./name-index.js";

/** A symbol with its link address. */
export interface LinkedSymbol {
  readonly address: bigint;
  /** Bytes; 0 for labels of assembler and linker scripts. */
  readonly size: number;
}

/** The symbols of an ELF file, by name. */
export interface SymbolTable {
  /** All symbols of that name in the file's order: local ones come first. */
  named(name: string): readonly LinkedSymbol[];
  /** All symbols whose names match, in the file's order: reads every name. */
  matching(pattern: RegExp): readonly LinkedSymbol[];
}

/** Offsets of a symbol's fields (System V ABI, Sym). */
const SYM64 = { size: 24, name: 0, info: 4, shndx: 6, value: 8, bytes: 16 } as const;
const SYM32 = { size: 16, name: 0, value: 4, bytes: 8, info: 12, shndx: 14 } as const;
const SHN_UNDEF = 0;
/** STT_SECTION and STT_FILE name nothing in the program. */
const NOT_SYMBOLS = [3, 4];
/** 2^26 symbols: a hundred times those of a kernel with everything built in. */
const MAX_SYMBOLS = 2 ** 26;

/** Reads .symtab; `undefined` for a stripped file. Throws `TRUNCATED`, `CORRUPT`, `LIMIT`, `CODEC_MISSING`. */
export function readSymbolTable(file: ElfFile): SymbolTable | undefined {
  const section = file.sections.find(({ type, size }) => type === SHT_SYMTAB && size > 0);
  const names = section === undefined ? undefined : file.sections[section.link];
  if (section === undefined || names === undefined) return undefined;
  const layout = file.elfClass === 64 ? SYM64 : SYM32;
  checkCount(file, section, layout.size);
  const bytes = sectionBytes(file, section);
  const texts = sectionBytes(file, names);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { littleEndian } = file;
  const count = Math.floor(bytes.length / layout.size);
  const nameAt = (i: number) => view.getUint32(i * layout.size + layout.name, littleEndian);
  const isSymbol = (i: number) => {
    const at = i * layout.size;
    const undefinedHere = view.getUint16(at + layout.shndx, littleEndian) === SHN_UNDEF;
    return !undefinedHere && !NOT_SYMBOLS.includes(view.getUint8(at + layout.info) & 0xf);
  };
  const symbol = (i: number): LinkedSymbol => {
    const at = i * layout.size;
    if (file.elfClass === 32) {
      const address = BigInt(view.getUint32(at + layout.value, littleEndian));
      return { address, size: view.getUint32(at + layout.bytes, littleEndian) };
    }
    const size = view.getBigUint64(at + layout.bytes, littleEndian);
    const known = size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : 0;
    return { address: view.getBigUint64(at + layout.value, littleEndian), size: known };
  };
  const hasName = (i: number) => nameAt(i) !== 0 && nameAt(i) < texts.length && isSymbol(i);
  let index: NameIndex | undefined;
  const makeIndex = () => {
    const hashes = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      if (!hasName(i)) continue;
      const start = nameAt(i);
      const end = texts.indexOf(0, start);
      hashes[i] = hashName(texts, start, end < 0 ? texts.length : end);
    }
    return new NameIndex(hashes);
  };
  return {
    named(name) {
      index ??= makeIndex();
      const candidates = [...index.candidates(Buffer.from(name, "latin1"))];
      return candidates.filter((i) => cString(texts, nameAt(i)) === name).map(symbol);
    },
    matching(pattern) {
      const found: LinkedSymbol[] = [];
      for (let i = 0; i < count; i++) if (hasName(i) && pattern.test(cString(texts, nameAt(i)))) found.push(symbol(i));
      return found;
    },
  };
}

function checkCount({ source }: ElfFile, { size }: ElfSection, one: number): void {
  if (size / one <= MAX_SYMBOLS) return;
  throw damagedFileError("LIMIT", source.name, `${Math.floor(size / one)} symbols; at most ${MAX_SYMBOLS} are read`);
}
