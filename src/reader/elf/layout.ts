/** Offsets in bytes of the ELF structs (System V ABI), for both classes. `s`: sh_size and sh_info. */
export type ElfHeaderFields = typeof ELF64 | typeof ELF32;

export const ELF64 = {
  ehdrSize: 64,
  phdrSize: 56,
  shdrSize: 64,
  word: 8,
  e: { phoff: 32, shoff: 40, flags: 48, ehsize: 52 },
  p: { type: 0, flags: 4, offset: 8, vaddr: 16, paddr: 24, filesz: 32, memsz: 40, align: 48 },
  s: { size: 32, info: 44 },
} as const;

export const ELF32 = {
  ehdrSize: 52,
  phdrSize: 32,
  shdrSize: 40,
  word: 4,
  e: { phoff: 28, shoff: 32, flags: 36, ehsize: 40 },
  p: { type: 0, flags: 24, offset: 4, vaddr: 8, paddr: 12, filesz: 16, memsz: 20, align: 28 },
  s: { size: 20, info: 28 },
} as const;

export const PT_LOAD = 1;
export const PT_NOTE = 4;
export const ET_CORE = 4;
/** e_phnum of a file with more program headers than 16 bits can count: sh_info of section header 0 has the number. */
export const PN_XNUM = 0xffff;
