import { DumpError } from "../../errors.js";
import { isElf } from "../../reader/elf/header.js";
import { ET_CORE } from "../../reader/elf/layout.js";
import {
  type ElfFile,
  findSection,
  readElfFile,
  SHT_NOBITS,
  SHT_NOTE,
  sectionBytes,
} from "../../reader/elf/sections.js";
import { archOfElf, type Machine } from "../../reader/machine.js";
import { type Note, parseNotes } from "../../reader/notes.js";
import { type ByteSource, readExactly } from "../../reader/source/byte-source.js";
import { type GivenFile, givenSideFile } from "../../reader/source/side-file.js";
import { Warnings } from "../../warnings.js";
import { openBtf } from "./btf.js";
import { btfTypes } from "./btf-types.js";
import { dwarfTypes } from "./dwarf.js";
import type { KernelTypes } from "./kernel-types.js";
import { type LinkedSymbol, readSymbolTable, type SymbolTable } from "./symtab.js";

/** An opened vmlinux: the kernel as the linker made it, or its separate debug file. */
export interface Vmlinux {
  /** The file, as the user named it. */
  readonly name: string;
  readonly machine: Machine;
  readonly symbols: SymbolTable;
  readonly types: KernelTypes;
  /** linux_banner's text without the newline, "Linux version …"; `undefined` in a debug file without the kernel's data. */
  readonly banner: string | undefined;
  /** In hexadecimal. */
  readonly buildId: string | undefined;
  /** The symbol of that name: of several the first. */
  linked(name: string): LinkedSymbol | undefined;
  /** Closes the file. Do not use `types` afterwards. */
  close(): void;
}

/** Where types come from; the first source that the file has is used. */
export type TypeSource = "btf" | "dwarf";

const ET_EXEC = 2;
const ET_DYN = 3;
const NT_GNU_BUILD_ID = 3;
const MAX_BANNER = 4096;
const MAX_NOTES = 1 << 20;

/**
 * Opens a vmlinux. Symbols come from .symtab, types from .BTF or otherwise from DWARF, which is read unit by unit: of a
 * file of 590 MB some 10 MB are held in memory. Throws `NOT_READABLE`; `BAD_OPTION` for a file that is not a vmlinux
 * (and says what it is), or that lacks symbols or types; `CORRUPT`, `TRUNCATED`, `LIMIT`, `CODEC_MISSING`.
 */
export function openVmlinux(given: GivenFile, sources: readonly TypeSource[] = ["btf", "dwarf"]): Vmlinux {
  const { source, close } = givenSideFile(given);
  try {
    return { ...readVmlinux(source, sources), close };
  } catch (error) {
    close();
    throw error;
  }
}

function readVmlinux(source: ByteSource, sources: readonly TypeSource[]): Omit<Vmlinux, "close"> {
  const head = new Uint8Array(Math.min(source.size, 4096));
  source.read(head, 0);
  if (!isElf(head)) throw notAVmlinux(source, head);
  const file = readElfFile(source);
  const machine = machineOf(file);
  const symbols = readSymbolTable(file);
  const types = sources.map((kind) => (kind === "btf" ? typesOfBtf(file) : typesOfDwarf(file))).find(isThere);
  if (symbols === undefined || types === undefined) throw lacking(source, symbols !== undefined, types !== undefined);
  const linked = (name: string) => symbols.named(name)[0];
  const banner = bannerText(file, linked("linux_banner"));
  return { name: source.name, machine, symbols, types, banner, buildId: buildIdOf(file), linked };
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}

function machineOf({ source, type, machine, elfClass, littleEndian }: ElfFile): Machine {
  const facts = archOfElf(machine, elfClass);
  if (type === ET_CORE) throw badFile(source, "is a core (a dump), not a vmlinux");
  if (type !== ET_EXEC && type !== ET_DYN) {
    throw badFile(source, `is an ELF file of type ${type}, not a linked kernel (2 or 3): a module or an object file?`);
  }
  if (facts === undefined)
    throw badFile(source, `is for e_machine ${machine}, an architecture that coresieve does not know`);
  return { arch: facts.arch, wordSize: elfClass === 64 ? 8 : 4, littleEndian };
}

function typesOfBtf(file: ElfFile): KernelTypes | undefined {
  const section = findSection(file, ".BTF");
  const btf = section === undefined ? undefined : openBtf(sectionBytes(file, section));
  return btf === undefined ? undefined : btfTypes(btf, file.elfClass === 64 ? 8 : 4, "BTF of vmlinux");
}

function typesOfDwarf(file: ElfFile): KernelTypes | undefined {
  return dwarfTypes(file, "DWARF of vmlinux");
}

function lacking(source: ByteSource, symbols: boolean, types: boolean): DumpError {
  const without = [
    symbols ? undefined : "no symbol table (.symtab)",
    types ? undefined : "no description of types (neither .BTF nor .debug_info)",
  ].filter(isThere);
  return badFile(source, `has ${without.join(" and ")}`);
}

function badFile({ name }: ByteSource, what: string): DumpError {
  return new DumpError("BAD_OPTION", what, {
    file: name,
    cure: "Give the kernel's vmlinux with symbols: of the package kernel-debuginfo, linux-image-…-dbg or …-dbgsym",
  });
}

function bannerText(file: ElfFile, symbol: LinkedSymbol | undefined): string | undefined {
  if (symbol === undefined) return undefined;
  const { address } = symbol;
  const home = file.sections.find(
    ({ addr, size, type, flags }) =>
      type !== SHT_NOBITS && (flags & 2) !== 0 && address >= addr && address < addr + BigInt(size),
  );
  if (home === undefined) return undefined;
  const at = Number(address - home.addr);
  const room = Math.min(home.size - at, MAX_BANNER, file.source.size - home.offset - at);
  if (room <= 0) return undefined;
  const bytes = Buffer.from(readExactly(file.source, home.offset + at, room, "linux_banner"));
  const text = bytes
    .subarray(0, bytes.indexOf(0) < 0 ? room : bytes.indexOf(0))
    .toString("latin1")
    .trimEnd();
  return text.startsWith("Linux version ") ? text : undefined;
}

/** The build id in the file's notes: .note.gnu.build-id, .notes. */
function buildIdOf(file: ElfFile): string | undefined {
  for (const one of file.sections) {
    if (one.type !== SHT_NOTE || one.size > MAX_NOTES || one.offset + one.size > file.source.size) continue;
    const notes = parseNotes(sectionBytes(file, one), file.littleEndian, file.source.name, new Warnings());
    const found = buildIdIn(notes);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The build id among notes, in hexadecimal. */
export function buildIdIn(notes: readonly Note[]): string | undefined {
  const note = notes.find(({ name, type }) => name === "GNU" && type === NT_GNU_BUILD_ID);
  return note === undefined ? undefined : Buffer.from(note.desc).toString("hex");
}

/** First bytes of compressed files (their formats' specifications), as latin1. */
const COMPRESSED: readonly (readonly [magic: string, name: string, unpack: string])[] = [
  ["\x1f\x8b", "gzip", "gzip -d"],
  ["\xfd7zXZ\0", "xz", "xz -d"],
  ["\x28\xb5\x2f\xfd", "zstd", "zstd -d"],
  ["BZh", "bzip2", "bzip2 -d"],
  ["\x02\x21\x4c\x18", "lz4", "lz4 -d"],
  ["\x04\x22\x4d\x18", "lz4", "lz4 -d"],
  ["\x89LZO", "lzop", "lzop -d"],
];

const DEBUG_FILE =
  "Give the kernel's vmlinux with symbols: of the package kernel-debuginfo, linux-image-…-dbg or …-dbgsym";

/** The error for a file that is not ELF: says what the file is, if that is recognised. */
function notAVmlinux(source: ByteSource, head: Uint8Array): DumpError {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const bad = (what: string, cure: string) => new DumpError("BAD_OPTION", what, { file: source.name, cure });
  const packed = COMPRESSED.find(([magic]) => bytes.subarray(0, magic.length).toString("latin1") === magic);
  if (packed !== undefined)
    return bad(`is compressed with ${packed[1]}`, `Unpack it with ${packed[2]} first, if it is a vmlinux`);
  const image = bootImage(source, bytes);
  if (image !== undefined)
    return bad(`is ${image}, as boot loaders take it: it has no symbols and no types`, DEBUG_FILE);
  return bad("is not a vmlinux: it is not an ELF file", DEBUG_FILE);
}

/** Images for boot loaders: Documentation/arch/x86/boot.rst, arm64/booting.rst, riscv/boot-image-header.rst; EFI zboot; arm's zImage. */
function bootImage(source: ByteSource, bytes: Buffer): string | undefined {
  const at = (offset: number, length: number) => bytes.subarray(offset, offset + length).toString("latin1");
  if (at(0x202, 4) === "HdrS") {
    const version = Buffer.alloc(256);
    const pointer = bytes.readUInt16LE(0x20e);
    const read = pointer === 0 ? 0 : source.read(version, pointer + 0x200);
    const text = /^\d+\.\d+[ -~]*/.exec(version.subarray(0, read).toString("latin1"))?.[0];
    return `a kernel image (bzImage, vmlinuz)${text === undefined ? "" : ` of ${text.split(" ")[0]}`}`;
  }
  if (at(0, 2) === "MZ" && at(4, 4) === "zimg") return "a compressed kernel image (EFI zboot, vmlinuz)";
  if (at(56, 4) === "ARM\x64" || at(56, 4) === "RSC\x05") return "a kernel image (Image)";
  if (bytes.length >= 0x28 && bytes.readUInt32LE(0x24) === 0x016f2818) return "a kernel image (zImage)";
  return at(0, 2) === "MZ" ? "a kernel image for EFI" : undefined;
}
