import { DumpError } from "../../errors.js";
import type { Warnings } from "../../warnings.js";
import { readInto } from "../byte-source.js";
import type { Dump } from "../dump.js";
import { layer } from "../extents.js";
import { archOfElf, type Machine } from "../machine.js";
import { countCpus, findVmcoreinfo, parseNotes } from "../notes.js";
import { checkPageCount } from "../page-count.js";
import { joinRanges } from "../ranges.js";
import { attachSource, closeOnce, type SourceImage } from "../source-image.js";
import { parseVmcoreinfo } from "../vmcoreinfo.js";
import { readElfHeader } from "./header.js";
import { type ElfImage, elfMemory } from "./image.js";
import { type ElfSegment, readSegments } from "./segments.js";

/** An opened ELF dump: what every dump has, and its PT_LOADs. */
export interface ElfDump extends Dump {
  readonly image: ElfImage;
  readonly segments: readonly ElfSegment[];
}

/** Opens an ELF core file, plain or flattened. Throws as its parts do. */
export function openElf(sourceImage: SourceImage, warnings: Warnings): ElfDump {
  const source = attachSource(sourceImage);
  const header = readElfHeader(source);
  const facts = archOfElf(header.machine, header.elfClass);
  if (facts === undefined) {
    throw new DumpError("UNSUPPORTED", `e_machine ${header.machine} is of no machine that coresieve knows`, {
      file: source.name,
      offset: 18,
      cure: "Linux dumps of x86, arm, s390x, ppc, riscv, loongarch, mips, sparc64 and ia64 are known",
    });
  }
  const { loads, notes: noteSegments } = readSegments(source, header);
  if (loads.every(({ memsz }) => memsz === 0)) {
    throw new DumpError("NOT_A_DUMP", "is an ELF core without any PT_LOAD that has memory at a physical address", {
      file: source.name,
      cure: "Name a kernel's dump (vmcore): cores of processes have no physical memory",
    });
  }
  const noteArea = new Uint8Array(noteSegments.reduce((sum, { size }) => sum + size, 0));
  let filled = 0;
  for (const { offset, size } of noteSegments) {
    readInto(source, noteArea.subarray(filled, filled + size), offset, "notes");
    filled += size;
  }
  const notes = parseNotes(noteArea, header.littleEndian, source.name, warnings);
  const note = findVmcoreinfo(notes);
  const vmcoreinfo = note && parseVmcoreinfo(Buffer.from(note.desc).toString("latin1"), warnings);
  const pageSize = vmcoreinfo?.pageSize ?? facts.pageSize;
  const machine: Machine = { arch: facts.arch, wordSize: facts.wordSize, littleEndian: header.littleEndian };
  const memory = layer(loads.map(({ paddr, memsz }) => ({ start: paddr, end: paddr + memsz, source: paddr })));
  const maxMapnr = Math.ceil((memory.end[memory.count - 1] as number) / pageSize);
  checkPageCount(maxMapnr, source.name);
  const image: ElfImage = {
    kind: "elf",
    source: sourceImage,
    pageSize,
    data: layer(loads.map(({ paddr, filesz, offset }) => ({ start: paddr, end: paddr + filesz, source: offset }))),
    memory,
  };
  const flattened = sourceImage.flattened !== undefined;
  const order = header.littleEndian ? "little endian" : "big endian";
  return {
    paths: [source.name],
    fileSize: sourceImage.file.size,
    image,
    header: {
      description: `ELF${header.elfClass} vmcore, ${order}${flattened ? ", flattened" : ""}`,
      format: "elf",
      flattened,
      headerVersion: undefined,
      parts: 1,
      codecs: [],
      incomplete: (header.flags & 1) !== 0,
      dumpLevel: 0,
      utsname: undefined,
      timestamp: vmcoreinfo?.crashTime,
      cpus: countCpus(notes),
      physBase: undefined,
    },
    machine,
    pageSize,
    maxMapnr,
    noteArea,
    notes,
    vmcoreinfo,
    eraseinfo: notes.find((one) => one.name === "ERASEINFO")?.desc,
    memory: elfMemory(image),
    ranges: joinRanges(memory),
    segments: loads,
    close: closeOnce([sourceImage]),
  };
}
