import { type Arch, archOfExports, archOfPrstatus } from "../machine.js";
import { type Note, NT_PRSTATUS } from "../notes.js";
import type { Vmcoreinfo } from "../vmcoreinfo.js";

/**
 * The architecture, by names that only its kernels export, otherwise by the size of a CPU's registers. Needed because
 * QEMU's kdump files of arm, arm64, ppc64le and riscv64 call the machine "Unknown".
 */
export function guessMachine(
  vmcoreinfo: Vmcoreinfo | undefined,
  notes: readonly Note[],
  littleEndian: boolean,
): Arch | undefined {
  return guessByNames(vmcoreinfo) ?? guessByRegisters(notes, littleEndian);
}

/** The architecture by names that only its kernels export. */
export function guessByNames(vmcoreinfo: Vmcoreinfo | undefined): Arch | undefined {
  return vmcoreinfo && archOfExports((item) => vmcoreinfo.items.has(item));
}

function guessByRegisters(notes: readonly Note[], littleEndian: boolean): Arch | undefined {
  const note = notes.find(({ name, type }) => name === "CORE" && type === NT_PRSTATUS);
  return note && archOfPrstatus(note.desc.length, littleEndian);
}
