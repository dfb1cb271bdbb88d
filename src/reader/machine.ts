/** No kernel is built for more CPUs (NR_CPUS). */
export const MAX_CPUS = 8192;

/** The machines whose dumps Linux writes, by the names crash and makedumpfile use. */
export type Arch =
  | "x86_64"
  | "i386"
  | "arm64"
  | "arm"
  | "s390x"
  | "ppc64"
  | "ppc32"
  | "riscv64"
  | "riscv32"
  | "loongarch64"
  | "mips64"
  | "mips"
  | "sparc64"
  | "ia64";

/** The dumped machine: how to read its memory, on whatever machine this program runs. */
export interface Machine {
  readonly arch: Arch;
  /** Bytes of an `unsigned long` of its kernel. */
  readonly wordSize: 4 | 8;
  /** Byte order of its memory. A file's headers may have the other one (QEMU's of ppc64le). */
  readonly littleEndian: boolean;
}

/** How files and names identify an architecture. What is known of its kernels is in its row in kernel/arch/. */
interface ArchFacts {
  readonly arch: Arch;
  readonly elfMachine: number;
  readonly wordSize: 4 | 8;
  /** Names that `uname -m` prints; the first one is written where a dump has none. */
  readonly uts: readonly string[];
  /** Page size to assume if nothing in the dump says it: the usual one of distributions. */
  readonly pageSize: number;
  /** Further page sizes that its kernels can be built for (the kernel's Kconfig files). */
  readonly otherPageSizes?: readonly number[];
  /** Assumed to be big endian unless the dump says otherwise; ppc64le is recognised by its name or its memory. */
  readonly bigEndian?: true;
  /** Kernels of both byte orders have this name. */
  readonly eitherOrder?: true;
  /** The machine of a file with the same e_machine and ELF class 32. (For x86-64 kexec also writes ELF32 headers.) */
  readonly other32?: string;
  /** Items of VMCOREINFO that only kernels of this architecture export. */
  readonly exports?: readonly string[];
  /** Bytes of its `struct elf_prstatus`: a header of 112 bytes (72 on 32-bit machines), the registers, a flag. */
  readonly prstatus?: number;
  /**
   * Its kdump files count pages from phys_base on, where memory starts: makedumpfile writes them this way and crash
   * reads them this way.
   */
  readonly numbersFromPhysBase?: true;
  /** 64-bit members of its C structs are aligned to 4 bytes, which makes kdump headers shorter. */
  readonly packsHeaders?: true;
}

// e_machine numbers: include/uapi/linux/elf-em.h.
const ARCHS: readonly ArchFacts[] = [
  {
    ...{ arch: "x86_64", elfMachine: 62, wordSize: 8, uts: ["x86_64"], pageSize: 4096, prstatus: 336 },
    exports: ["NUMBER(phys_base)", "SYMBOL(init_top_pgt)", "SYMBOL(init_level4_pgt)"],
  },
  {
    ...{ arch: "i386", elfMachine: 3, wordSize: 4, uts: ["i686", "i586", "i486", "i386"], pageSize: 4096 },
    ...{ prstatus: 144, packsHeaders: true },
  },
  {
    ...{
      arch: "arm64",
      elfMachine: 183,
      wordSize: 8,
      uts: ["aarch64", "arm64", "aarch64_be"],
      pageSize: 4096,
      otherPageSizes: [16384, 65536],
    },
    ...{ prstatus: 392, exports: ["NUMBER(kimage_voffset)"] },
  },
  {
    ...{ arch: "arm", elfMachine: 40, wordSize: 4, uts: ["armv7l", "arm"], pageSize: 4096 },
    ...{ prstatus: 148, numbersFromPhysBase: true },
  },
  {
    ...{ arch: "s390x", elfMachine: 22, wordSize: 8, uts: ["s390x", "S390X"], pageSize: 4096, bigEndian: true },
    ...{ prstatus: 336, exports: ["SYMBOL(lowcore_ptr)"], other32: "31-bit s390" },
  },
  {
    ...{
      arch: "ppc64",
      elfMachine: 21,
      wordSize: 8,
      uts: ["ppc64le", "ppc64"],
      pageSize: 65536,
      otherPageSizes: [4096],
      bigEndian: true,
    },
    prstatus: 504,
    exports: ["SYMBOL(vmemmap_list)", "SYMBOL(cur_cpu_spec)", "SYMBOL(mmu_vmemmap_psize)"],
  },
  {
    arch: "ppc32",
    elfMachine: 20,
    wordSize: 4,
    uts: ["ppc"],
    pageSize: 4096,
    otherPageSizes: [16384, 65536, 262144],
    bigEndian: true,
    prstatus: 268,
  },
  {
    ...{ arch: "riscv64", elfMachine: 243, wordSize: 8, uts: ["riscv64"], pageSize: 4096, prstatus: 376 },
    exports: ["NUMBER(va_kernel_pa_offset)", "NUMBER(phys_ram_base)"],
  },
  {
    arch: "loongarch64",
    elfMachine: 258,
    wordSize: 8,
    uts: ["loongarch64"],
    pageSize: 16384,
    otherPageSizes: [4096, 65536],
    prstatus: 480,
  },
  {
    arch: "mips64",
    elfMachine: 8,
    wordSize: 8,
    uts: ["mips64"],
    pageSize: 16384,
    otherPageSizes: [4096, 8192, 32768, 65536],
    eitherOrder: true,
  },
  { arch: "sparc64", elfMachine: 43, wordSize: 8, uts: ["sparc64"], pageSize: 8192, bigEndian: true },
  { arch: "ia64", elfMachine: 50, wordSize: 8, uts: ["ia64"], pageSize: 16384, otherPageSizes: [4096, 8192, 65536] },
  { arch: "riscv32", elfMachine: 243, wordSize: 4, uts: ["riscv32"], pageSize: 4096 },
  {
    arch: "mips",
    elfMachine: 8,
    wordSize: 4,
    uts: ["mips"],
    pageSize: 4096,
    otherPageSizes: [8192, 16384, 32768, 65536],
    eitherOrder: true,
  },
];

/** The machine of an image until its memory shows another one: that of most. */
export const USUAL_MACHINE: Machine = { arch: "x86_64", wordSize: 8, littleEndian: true };

/** The architecture of an ELF file's `e_machine`. 32-bit x86 and ARM kernels come in ELF64 files too. */
export function archOfElf(elfMachine: number, elfClass: 32 | 64): ArchFacts | undefined {
  const candidates = ARCHS.filter((facts) => facts.elfMachine === elfMachine);
  return candidates.find((facts) => facts.wordSize * 8 === elfClass) ?? candidates[0];
}

/** The architecture of a `uname -m` text. ARM has many such texts: everything that starts with "arm". */
export function archOfUts(machine: string): ArchFacts | undefined {
  const exact = ARCHS.find((facts) => facts.uts.includes(machine));
  return exact ?? (machine.startsWith("arm") ? factsOf("arm") : undefined);
}

/** The machine of that name, as crash writes it (arm64) or `uname -m` (aarch64); `undefined` for an unknown name. */
export function machineNamed(name: string): Machine | undefined {
  const facts = ARCHS.find(({ arch }) => arch === name) ?? ARCHS.find(({ uts }) => uts.includes(name));
  if (facts === undefined) return undefined;
  const { arch, wordSize, bigEndian } = facts;
  const littleEndian = name === "ppc64le" || (name !== "aarch64_be" && bigEndian === undefined);
  return { arch, wordSize, littleEndian };
}

/** The architecture that has an item of VMCOREINFO which only its kernels export. */
export function archOfExports(has: (item: string) => boolean): Arch | undefined {
  return ARCHS.find(({ exports }) => exports?.some(has))?.arch;
}

/**
 * Whether a file that names `stated` may hold a kernel of `arch`: QEMU calls an x86-64 machine i386 while its first CPU
 * is not in 64-bit mode, as in firmware after a reset (target/i386/arch_dump.c).
 */
export function mayBeOf(stated: Arch, arch: Arch): boolean {
  return stated === arch || (stated === "i386" && arch === "x86_64");
}

/** The architecture with this size of a CPU's NT_PRSTATUS note. If two have the same size, the byte order decides. */
export function archOfPrstatus(size: number, littleEndian: boolean): Arch | undefined {
  const fitting = ARCHS.filter(({ prstatus }) => prstatus === size);
  return (fitting.find(({ bigEndian = false }) => bigEndian !== littleEndian) ?? fitting[0])?.arch;
}

/** Every machine, in its usual byte order. */
export function allMachines(): Machine[] {
  return ARCHS.map(({ arch }) => machineNamed(arch) as Machine);
}

/** Names of machines for messages: crash's, and ppc64le, the other byte order that is in use. */
export function machineNames(): string[] {
  return [...ARCHS.map(({ arch }) => arch), "ppc64le"];
}

export function factsOf(arch: Arch): ArchFacts {
  return ARCHS.find((facts) => facts.arch === arch) as ArchFacts;
}

/** Whether a kernel of the machine can have pages of this size. */
export function isPageSizeOf(arch: Arch, bytes: number): boolean {
  const { pageSize, otherPageSizes = [] } = factsOf(arch);
  return bytes === pageSize || otherPageSizes.includes(bytes);
}

/** The `uname -m` text that is written for a machine if the dump has none. */
export function utsMachine(machine: Machine): string {
  if (machine.arch === "ppc64") return machine.littleEndian ? "ppc64le" : "ppc64";
  return factsOf(machine.arch).uts[0] as string;
}
