import { DumpError, type DumpErrorSubcode } from "../../errors.js";
import type { Note } from "../notes.js";
import type { ElfHeader } from "./header.js";
import type { ElfSegments } from "./segments.js";

/** Notes that the kernel writes only into cores of processes (include/uapi/linux/elf.h): auxv and the mapped files. */
const NT_AUXV = 6;
const NT_FILE = 0x4649_4c45;

/**
 * Throws `NOT_A_DUMP`, which says what the file is, for an ELF core that is not a kernel's. Such files would be read as
 * memory at wrong addresses, and written as a dump that no debugger opens.
 */
export function checkIsKernels(
  { phnum, shnum }: ElfHeader,
  { loads }: ElfSegments,
  notes: readonly Note[],
  file: string,
): void {
  if (phnum === 0 && shnum > 0) {
    // It has sections .xen_pages, .xen_p2m or .xen_pfn, and .note.Xen, and no program headers (Xen's
    // docs/misc/dump-core-format.txt).
    throw notKernels(
      "XEN_CORE",
      "is the core of a Xen domain (`xl dump-core`) without the names of its sections, which are written last",
      file,
      "If it is packed or comes from a pipe, write it to a file first, unpacked; else it was cut off: dump the domain again",
    );
  }
  const process = whyProcess(loads, notes);
  if (process === undefined) return;
  const cure = "Name a kernel's dump (vmcore): the core of a process is for gdb, and there is nothing in it to filter";
  throw notKernels("PROCESS_CORE", `is the core of a process, not of a kernel: ${process}`, file, cure);
}

function whyProcess(loads: ElfSegments["loads"], notes: readonly Note[]): string | undefined {
  if (notes.some(({ name }) => name === "VMCOREINFO")) return undefined;
  const has = (type: number) => notes.some((note) => note.name === "CORE" && note.type === type);
  if (has(NT_FILE)) return "it has a note of mapped files (NT_FILE)";
  if (has(NT_AUXV)) return "it has a note of a program's start (NT_AUXV)";
  // A kernel's image at the beginning of memory is a PT_LOAD beside that of memory: outputs with VMCOREINFO have that.
  const full = loads.filter(({ memsz }) => memsz > 0);
  if (full.length < 2 || full.some(({ paddr }) => paddr !== 0)) return undefined;
  return `all its ${full.length} PT_LOADs are at physical address 0`;
}

function notKernels(subcode: DumpErrorSubcode, what: string, file: string, cure: string): DumpError {
  return new DumpError("NOT_A_DUMP", what, { subcode, file, cure });
}
