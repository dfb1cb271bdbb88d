/** Offsets in bytes of the ELF structs (System V ABI), for both classes. */
export interface ElfHeaderFields {
  readonly ehdrSize: number;
  readonly phdrSize: number;
  readonly shdrSize: number;
  readonly word: 4 | 8;
  readonly e: { readonly phoff: number; readonly shoff: number; readonly flags: number; readonly ehsize: number };
  readonly p: {
    readonly type: number;
    readonly flags: number;
    readonly offset: number;
    readonly vaddr: number;
    readonly paddr: number;
    readonly filesz: number;
    readonly memsz: number;
    readonly align: number;
  };
  /** Offset of sh_size and sh_info. */
  readonly s: { readonly size: number; readonly info: number };
}

export const ELF64: ElfHeaderFields = {
  ehdrSize: 64,
  phdrSize: 56,
  shdrSize: 64,
  word: 8,
  e: { phoff: 32, shoff: 40, flags: 48, ehsize: 52 },
  p: { type: 0, flags: 4, offset: 8, vaddr: 16, paddr: 24, filesz: 32, memsz: 40, align: 48 },
  s: { size: 32, info: 44 },
};

export const ELF32: ElfHeaderFields = {
  ehdrSize: 52,
  phdrSize: 32,
  shdrSize: 40,
  word: 4,
  e: { phoff: 28, shoff: 32, flags: 36, ehsize: 40 },
  p: { type: 0, flags: 24, offset: 4, vaddr: 8, paddr: 12, filesz: 16, memsz: 20, align: 28 },
  s: { size: 20, info: 28 },
};

export const PT_LOAD = 1;
export const PT_NOTE = 4;
export const ET_CORE = 4;
/** e_phnum of a file with more program headers than 16 bits can count: sh_info of section header 0 has the number. */
export const PN_XNUM = 0xffff;
