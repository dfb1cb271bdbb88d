/** The real dumps by name, with the facts that tests choose them by. What is special about each is in the README there. */

/** What a test may want to know of a real dump before it unpacks it. */
export interface DumpFacts {
  readonly name: string;
  readonly arch: "x86_64" | "i386" | "arm64" | "arm" | "riscv64" | "s390x";
  readonly kernel: "5.10" | "6.1" | "6.12" | "7.2";
  readonly pageSize: number;
  /** How the kernel finds its struct pages. */
  readonly memoryModel: "vmemmap" | "sparse" | "static" | "flat";
  /** Is there a NAME.golden.json? */
  readonly golden: boolean;
  /** Has QEMU's flattened kdump-zlib of the same machine beside it. */
  readonly flat: boolean;
  /** Written by QEMU (else: by the kdump kernel's /proc/vmcore). */
  readonly qemu: boolean;
  /** Does the dump have a VMCOREINFO note? */
  readonly vmcoreinfoNote: boolean;
  /** Size of vmcore.elf in MiB, for a test that wants small ones only. */
  readonly mebibytes: number;
}

const x86 = {
  arch: "x86_64",
  kernel: "6.1",
  pageSize: 4096,
  memoryModel: "vmemmap",
  golden: true,
  flat: true,
  qemu: true,
  vmcoreinfoNote: true,
  mebibytes: 33,
} as const;

const foreign = { ...x86, golden: false } as const;

/** Every real dump. */
export const realDumps: readonly DumpFacts[] = [
  { ...x86, name: "tiny-x86-6.1" },
  { ...x86, name: "tiny-x86-6.1-nokaslr" },
  { ...x86, name: "tiny-x86-6.12", kernel: "6.12" },
  { ...x86, name: "tiny-x86-6.1-sparse-classic", memoryModel: "sparse" },
  { ...x86, name: "tiny-x86-6.1-holes", mebibytes: 417 },
  { ...x86, name: "x86-6.12-tiny", kernel: "6.12", flat: false, mebibytes: 161 },
  { ...x86, name: "x86-6.1-kdump-tiny", flat: false, qemu: false, mebibytes: 232 },
  { ...foreign, name: "tiny-i386-6.1-flatmem", arch: "i386", memoryModel: "flat" },
  { ...foreign, name: "tiny-i386-6.12-pae-sparsemem", arch: "i386", kernel: "6.12", memoryModel: "static" },
  { ...foreign, name: "tiny-arm64-6.12-64k-va52", arch: "arm64", kernel: "6.12", pageSize: 65536, mebibytes: 97 },
  { ...foreign, name: "tiny-riscv64-6.12-sv48", arch: "riscv64", kernel: "6.12", vmcoreinfoNote: false, mebibytes: 41 },
  { ...foreign, name: "tiny-arm-6.1-flatmem", arch: "arm", memoryModel: "flat" },
  { ...foreign, name: "tiny-s390x-6.12", arch: "s390x", kernel: "6.12", vmcoreinfoNote: false, mebibytes: 49 },
];

/** The ends of what people run: what is kept of them, and tests that ask for them by name. */
export const furtherDumps: readonly DumpFacts[] = [
  { ...x86, name: "x86-5.10-tiny", kernel: "5.10", flat: false, mebibytes: 145 },
  { ...x86, name: "x86-7.2-tiny", kernel: "7.2", flat: false, mebibytes: 209 },
  {
    ...foreign,
    name: "arm64-7.2-16k-tiny",
    arch: "arm64",
    kernel: "7.2",
    pageSize: 16384,
    flat: false,
    mebibytes: 321,
  },
];

/** The dumps for which makedumpfile's kept pages are known at every level. */
export const goldenDumps: readonly DumpFacts[] = realDumps.filter((dump) => dump.golden);

/** The dumps of other machines, which the kernel's own page flags are the answer to. */
export const foreignDumps: readonly DumpFacts[] = realDumps.filter((dump) => !dump.golden);
