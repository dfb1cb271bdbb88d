/** Names of ELF note types by their owner (include/uapi/linux/elf.h). */
const CORE: ReadonlyMap<number, string> = new Map([
  [1, "NT_PRSTATUS"],
  [2, "NT_PRFPREG"],
  [3, "NT_PRPSINFO"],
  [4, "NT_TASKSTRUCT"],
  [6, "NT_AUXV"],
  [0x46494c45, "NT_FILE"],
  [0x53494749, "NT_SIGINFO"],
]);
const LINUX: ReadonlyMap<number, string> = new Map([
  [0x100, "NT_PPC_VMX"],
  [0x102, "NT_PPC_VSX"],
  [0x202, "NT_X86_XSTATE"],
  [0x300, "NT_S390_HIGH_GPRS"],
  [0x301, "NT_S390_TIMER"],
  [0x302, "NT_S390_TODCMP"],
  [0x303, "NT_S390_TODPREG"],
  [0x304, "NT_S390_CTRS"],
  [0x305, "NT_S390_PREFIX"],
  [0x309, "NT_S390_VXRS_LOW"],
  [0x30a, "NT_S390_VXRS_HIGH"],
  [0x400, "NT_ARM_VFP"],
]);

/** The name of a note for people: "NT_PRSTATUS", or its owner and number. */
export function noteTypeName(owner: string, type: number): string {
  if (owner === "VMCOREINFO") return "VMCOREINFO";
  if (owner === "QEMU") return "QEMU CPU state";
  const known = owner === "CORE" ? CORE.get(type) : owner === "LINUX" ? LINUX.get(type) : undefined;
  return known ?? `${owner} type 0x${type.toString(16)}`;
}
