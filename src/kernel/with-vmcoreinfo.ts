import { attachMemory } from "../reader/attach.js";
import type { Dump, DumpImage } from "../reader/dump.js";
import type { Machine } from "../reader/machine.js";
import { parseVmcoreinfo, type Vmcoreinfo } from "../reader/vmcoreinfo.js";
import { Warnings } from "../warnings.js";
import { memoryIsLittleEndian } from "./arch/archs.js";
import { reorderNotes } from "./reorder-notes.js";

/**
 * The dump with this VMCOREINFO text, the text's page size, and `machine`. `paddr` is the text's physical address, if
 * it is in memory.
 */
export function withVmcoreinfo(dump: Dump, text: string, machine: Machine, paddr?: number): Dump {
  const vmcoreinfo = parseVmcoreinfo(text, new Warnings());
  const pageSize = vmcoreinfo.pageSize ?? dump.pageSize;
  const end = dump.ranges.at(-1)?.end ?? 0;
  const image: DumpImage = { ...dump.image, pageSize };
  return withMemoryOrder(
    {
      ...dump,
      image,
      machine,
      pageSize,
      // The maxMapnr of a kdump header is where its bitmaps end, which is behind the last page: it stays unless the
      // page size changes.
      maxMapnr: pageSize === dump.pageSize ? dump.maxMapnr : Math.ceil(end / pageSize),
      memory: attachMemory(image),
      vmcoreinfo,
      // An ELF header has no time of its own; the time comes from VMCOREINFO.
      ...(dump.header.format === "elf" ? { header: { ...dump.header, timestamp: vmcoreinfo.crashTime } } : {}),
      ...(paddr === undefined ? {} : { vmcoreinfoAddress: paddr }),
    },
    vmcoreinfo,
  );
}

/**
 * If the kernel's name shows that its memory is in another byte order than the headers, the notes are put into that
 * order too.
 */
export function withMemoryOrder(dump: Dump, info: Vmcoreinfo): Dump {
  const littleEndian = memoryIsLittleEndian(dump, info);
  if (littleEndian === undefined || littleEndian === dump.machine.littleEndian) return dump;
  const machine: Machine = { ...dump.machine, littleEndian };
  return { ...dump, machine, ...reorderNotes(dump, littleEndian) };
}
