import { attachMemory } from "../reader/attach.js";
import type { Dump, DumpImage } from "../reader/dump.js";
import { archOfPrstatus, type Machine, mayBeOf } from "../reader/machine.js";
import { type Note, NT_PRSTATUS, parseNotes } from "../reader/notes.js";
import { pageSizeFor, parseVmcoreinfo, type Vmcoreinfo } from "../reader/vmcoreinfo.js";
import { Warnings } from "../warnings.js";
import { memoryIsLittleEndian } from "./arch/archs.js";

/**
 * The dump with this VMCOREINFO text, the text's page size, and `machine`, without notes of the machine that it was
 * taken for. `paddr` is the text's physical address, if it is in memory.
 */
export function withVmcoreinfo(input: Dump, text: string, machine: Machine, paddr?: number): Dump {
  const dump = withoutOtherRegisters(input, machine);
  const vmcoreinfo = parseVmcoreinfo(text, new Warnings());
  const pageSize = pageSizeFor(machine.arch, vmcoreinfo, new Warnings()) ?? dump.pageSize;
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

/**
 * `struct elf_prstatus` of ppc64 as (offset, size, count) of its integers: signal, pending masks, process ids, times,
 * registers, flag. It is the only struct that QEMU writes in its headers' byte order and that debuggers read in the
 * memory's byte order.
 */
const PRSTATUS64: readonly (readonly [number, number, number])[] = [
  [0, 4, 3],
  [12, 2, 1],
  [16, 8, 2],
  [32, 4, 4],
  [48, 8, 8],
  [112, 8, 48],
  [496, 4, 1],
];
const PRSTATUS64_SIZE = 504;
const NT_PRFPREG = 2;
const HEADER = 12;

/**
 * QEMU that takes an x86-64 machine for i386 also writes i386's notes of its CPUs, with half of their registers, in
 * kdump files that are called x86-64 too. Debuggers and `--privacy` would read them at x86-64's offsets.
 */
function withoutOtherRegisters(dump: Dump, { arch }: Machine): Dump {
  const { littleEndian } = dump.machine;
  const isOther = ({ name, type, desc }: Note) => {
    const other = name === "CORE" && type === NT_PRSTATUS ? archOfPrstatus(desc.length, littleEndian) : undefined;
    return other !== undefined && other !== arch && mayBeOf(other, arch);
  };
  const others = dump.notes.filter(isOther);
  if (others.length === 0) return dump;
  const kept: Uint8Array[] = [];
  let end = 0;
  for (const note of others) {
    kept.push(dump.noteArea.subarray(end, startOf(note)));
    // Notes of a struct of whole words need no padding.
    end = note.descOffset + note.desc.length;
  }
  const noteArea = Buffer.concat([...kept, dump.noteArea.subarray(end)]);
  return { ...dump, noteArea, notes: parseNotes(noteArea, littleEndian, dump.paths[0] ?? "", new Warnings()) };
}

/** Where a note's header is in the note area. */
function startOf({ name, descOffset }: Note): number {
  return descOffset - Math.ceil((name.length + 1) / 4) * 4 - HEADER;
}

/** The note area in the other byte order: headers and the registers whose format is known. Texts stay as they are. */
function reorderNotes(dump: Dump, littleEndian: boolean): Pick<Dump, "noteArea" | "notes"> {
  const area = Uint8Array.from(dump.noteArea);
  for (const note of dump.notes) {
    swap(area, startOf(note), 4, 3);
    swapRegisters(area, note);
  }
  return { noteArea: area, notes: parseNotes(area, littleEndian, dump.paths[0] ?? "", new Warnings()) };
}

function swapRegisters(area: Uint8Array, { name, type, desc, descOffset }: Note): void {
  if (name !== "CORE") return;
  if (type === NT_PRSTATUS && desc.length === PRSTATUS64_SIZE) {
    for (const [offset, size, count] of PRSTATUS64) swap(area, descOffset + offset, size, count);
  }
  if (type === NT_PRFPREG) swap(area, descOffset, 8, Math.floor(desc.length / 8));
}

function swap(area: Uint8Array, offset: number, size: number, count: number): void {
  for (let i = 0; i < count; i++) area.subarray(offset + i * size, offset + (i + 1) * size).reverse();
}
