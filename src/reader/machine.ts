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

/** The dumped machine: how its memory is to be read, whatever machine reads it. */
export interface Machine {
  readonly arch: Arch;
  /** Bytes of an `unsigned long` of its kernel. */
  readonly wordSize: 4 | 8;
  /** Byte order of its memory (a file's headers may be in another: QEMU's of ppc64le). */
  readonly littleEndian: boolean;
}

interface ArchFacts {
  readonly arch: Arch;
  readonly elfMachine: number;
  readonly wordSize: 4 | 8;
  /** What `uname -m` prints; the first is the one written where a dump has none. */
  readonly uts: readonly string[];
  /** Page size where nothing in the dump tells it: the usual one of distributions. */
  readonly pageSize: number;
}

// e_machine numbers: include/uapi/linux/elf-em.h.
const ARCHS: readonly ArchFacts[] = [
  { arch: "x86_64", elfMachine: 62, wordSize: 8, uts: ["x86_64"], pageSize: 4096 },
  { arch: "i386", elfMachine: 3, wordSize: 4, uts: ["i686", "i586", "i486", "i386"], pageSize: 4096 },
  { arch: "arm64", elfMachine: 183, wordSize: 8, uts: ["aarch64", "arm64", "aarch64_be"], pageSize: 4096 },
  { arch: "arm", elfMachine: 40, wordSize: 4, uts: ["armv7l", "arm"], pageSize: 4096 },
  { arch: "s390x", elfMachine: 22, wordSize: 8, uts: ["s390x", "S390X"], pageSize: 4096 },
  { arch: "ppc64", elfMachine: 21, wordSize: 8, uts: ["ppc64le", "ppc64"], pageSize: 65536 },
  { arch: "ppc32", elfMachine: 20, wordSize: 4, uts: ["ppc"], pageSize: 4096 },
  { arch: "riscv64", elfMachine: 243, wordSize: 8, uts: ["riscv64"], pageSize: 4096 },
  { arch: "loongarch64", elfMachine: 258, wordSize: 8, uts: ["loongarch64"], pageSize: 16384 },
  { arch: "mips64", elfMachine: 8, wordSize: 8, uts: ["mips64"], pageSize: 16384 },
  { arch: "sparc64", elfMachine: 43, wordSize: 8, uts: ["sparc64"], pageSize: 8192 },
  { arch: "ia64", elfMachine: 50, wordSize: 8, uts: ["ia64"], pageSize: 16384 },
  { arch: "riscv32", elfMachine: 243, wordSize: 4, uts: ["riscv32"], pageSize: 4096 },
  { arch: "mips", elfMachine: 8, wordSize: 4, uts: ["mips"], pageSize: 4096 },
];

/** The architecture of an ELF file's `e_machine`. 32-bit x86 and ARM kernels come in ELF64 files too. */
export function archOfElf(elfMachine: number, elfClass: 32 | 64): ArchFacts | undefined {
  const candidates = ARCHS.filter((facts) => facts.elfMachine === elfMachine);
  return candidates.find((facts) => facts.wordSize * 8 === elfClass) ?? candidates[0];
}

/** The architecture of a `uname -m` text. ARM has many: everything that starts with "arm". */
export function archOfUts(machine: string): ArchFacts | undefined {
  const exact = ARCHS.find((facts) => facts.uts.includes(machine));
  return exact ?? (machine.startsWith("arm") ? factsOf("arm") : undefined);
}

/** Machines that are big endian where nothing says otherwise; ppc64le is told apart by its name or its memory. */
const BIG_ENDIAN: ReadonlySet<Arch> = new Set<Arch>(["s390x", "ppc64", "ppc32", "sparc64"]);

/** The machine of that name, crash's (arm64) or `uname -m`'s (aarch64); `undefined` if there is none. */
export function machineNamed(name: string): Machine | undefined {
  const facts = ARCHS.find(({ arch }) => arch === name) ?? ARCHS.find(({ uts }) => uts.includes(name));
  if (facts === undefined) return undefined;
  const { arch, wordSize } = facts;
  const littleEndian = name === "ppc64le" || (name !== "aarch64_be" && !BIG_ENDIAN.has(arch));
  return { arch, wordSize, littleEndian };
}

/** Every machine, in its usual byte order; names as `machineNamed` takes them. */
export function allMachines(): Machine[] {
  return ARCHS.map(({ arch }) => machineNamed(arch) as Machine);
}

export function factsOf(arch: Arch): ArchFacts {
  return ARCHS.find((facts) => facts.arch === arch) as ArchFacts;
}

/** The `uname -m` text to write for a machine when the dump has none. */
export function utsMachine(machine: Machine): string {
  if (machine.arch === "ppc64") return machine.littleEndian ? "ppc64le" : "ppc64";
  return factsOf(machine.arch).uts[0] as string;
}
