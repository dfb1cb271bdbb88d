import { DumpError } from "../../errors.js";
import { ofFile, Warnings } from "../../warnings.js";
import { cutOffError } from "../damage.js";
import type { Dump } from "../dump.js";
import { type Extents, layer } from "../extents.js";
import { pagesIn } from "../extents-memory.js";
import { allMachines, archOfElf, type Machine } from "../machine.js";
import { countCpus, findVmcoreinfo, isOfXenHost, parseNotes } from "../notes.js";
import { checkClaim, checkData, checkPageCount } from "../page-count.js";
import { joinRanges } from "../ranges.js";
import { readWhatIsThere } from "../source/byte-source.js";
import { attachSource, bytesHeld, closeOnce, type SourceImage } from "../source/source-image.js";
import { missingPages } from "../tolerant-memory.js";
import { pageSizeFor, parseVmcoreinfo } from "../vmcoreinfo.js";
import { checkNotCutOff, cutLoads, lostPages } from "./cut-off.js";
import { checkIsKernels } from "./foreign-core.js";
import { readElfHeader } from "./header.js";
import { type ElfImage, elfMemory } from "./image.js";
import { kcoreOf } from "./kcore.js";
import { type ElfSegment, type ElfSegments, readSegments } from "./segments.js";
import { virtualBoxNotes } from "./virtualbox-notes.js";

/** An opened ELF dump: the members of every dump, and its PT_LOADs. */
export interface ElfDump extends Dump {
  readonly image: ElfImage;
  readonly segments: readonly ElfSegment[];
}

/**
 * Opens an ELF core file, plain or flattened; with `salvage`, reads a file that is cut off as far as possible. Throws
 * what its parts throw.
 */
export function openElf(sourceImage: SourceImage, warnings: Warnings, salvage: boolean): ElfDump {
  const source = attachSource(sourceImage);
  const header = readElfHeader(source, salvage);
  const facts = archOfElf(header.machine, header.elfClass);
  if (facts === undefined) {
    throw new DumpError("UNSUPPORTED", `e_machine ${header.machine}: coresieve does not know this architecture`, {
      file: source.name,
      offset: 18,
      cure: `Linux dumps of ${allMachines()
        .map(({ arch }) => arch)
        .join(", ")} are known`,
    });
  }
  if (facts.other32 !== undefined && header.elfClass === 32) {
    throw new DumpError("UNSUPPORTED", `is a dump of ${facts.other32}, which coresieve does not know`, {
      file: source.name,
      offset: 4,
      cure: `It is another machine than ${facts.arch}: crash and makedumpfile of that time read it`,
    });
  }
  if (header.lostHeaders > 0 && header.phnum === 0) throw cutInHeaders(source.name, source.size);
  const kcore = kcoreOf(source, header);
  const segments = readSegments(source, header, kcore);
  if (header.lostHeaders > 0 && !hasMemory(segments)) throw cutInHeaders(source.name, source.size);
  const own =
    kcore?.noteArea ?? Buffer.concat(segments.notes.map(({ offset, size }) => readWhatIsThere(source, offset, size)));
  const { noteArea, notes } = withVirtualBoxNotes(own, header.littleEndian, source.name, warnings);
  checkIsKernels(header, segments, notes, source.name);
  if (!salvage && kcore === undefined) checkNotCutOff(segments, source.size, source.name);
  if (!hasMemory(segments)) {
    throw new DumpError("NOT_A_DUMP", "is an ELF core without any PT_LOAD that has memory at a physical address", {
      file: source.name,
      cure: "Name a kernel's dump (vmcore): cores of processes have no physical memory",
    });
  }
  const note = findVmcoreinfo(notes);
  const vmcoreinfo = note && parseVmcoreinfo(Buffer.from(note.desc).toString("latin1"), warnings);
  const pageSize = pageSizeFor(facts.arch, vmcoreinfo, warnings) ?? facts.pageSize;
  const machine: Machine = { arch: facts.arch, wordSize: facts.wordSize, littleEndian: header.littleEndian };
  const memory = layer(segments.loads.map(({ paddr, memsz }) => ({ start: paddr, end: paddr + memsz, source: paddr })));
  const maxMapnr = Math.ceil((memory.end[memory.count - 1] as number) / pageSize);
  checkPageCount(maxMapnr, source.name);
  checkClaim(pagesIn(memory, pageSize), bytesHeld(sourceImage), source.name);
  // Offsets of /proc/kcore count from its base. Its size is mostly a number beyond 2^53, so a page more or less does
  // not matter.
  const held = kcore === undefined ? source.size : Number(BigInt(source.size) - kcore.base) + pageSize;
  const cutOff = segments.end > held && (kcore === undefined || salvage);
  const loads = cutOff ? cutLoads(segments.loads, Math.max(0, held), pageSize) : segments.loads;
  if (cutOff) {
    const { count, first } = lostPages(segments.loads, loads, pageSize);
    warnings.add(
      "CUT_OFF",
      ofFile(source.name, `is cut off: it has ${Math.max(0, held)} bytes, and its headers describe ${segments.end}`),
    );
    if (count > 0) warnings.add("MISSING_PAGES", missingPages(source.name, first), count);
  }
  const fileSize = kcore === undefined ? sourceImage.file.size : bytesIn(memory);
  if (kcore !== undefined) warnings.add("INPUT_CHANGED", ofFile(source.name, RUNNING));
  const image: ElfImage = {
    kind: "elf",
    source: kcore === undefined ? sourceImage : fromBase(sourceImage, kcore.base, segments.end),
    pageSize,
    data: layer(loads.map(({ paddr, filesz, offset }) => ({ start: paddr, end: paddr + filesz, source: offset }))),
    memory,
    tolerant: salvage,
  };
  if (!sourceImage.file.live) checkData(image.data, bytesHeld(sourceImage), source.name);
  const flattened = sourceImage.flattened !== undefined;
  const order = header.littleEndian ? "little endian" : "big endian";
  return {
    paths: [source.name],
    fileSize,
    image,
    header: {
      description: `ELF${header.elfClass} ${kcore === undefined ? "vmcore" : "kcore of a running machine"}${isOfXenHost(notes) ? " of a Xen host" : ""}, ${order}${flattened ? ", flattened" : ""}`,
      format: "elf",
      flattened,
      headerVersion: undefined,
      parts: 1,
      codecs: [],
      incomplete: (header.flags & 1) !== 0 || cutOff || sourceImage.flattened?.cut !== undefined,
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

function hasMemory({ loads }: ElfSegments): boolean {
  return loads.some(({ memsz }) => memsz > 0);
}

function cutInHeaders(file: string, size: number): DumpError {
  return cutOffError(file, `is cut off within its program headers: it ends at ${size}`);
}

/** The notes of a file; for a core of VirtualBox also its notes in the form of other programs. */
function withVirtualBoxNotes(own: Uint8Array, littleEndian: boolean, file: string, warnings: Warnings) {
  const notes = parseNotes(own, littleEndian, file, warnings);
  const added = virtualBoxNotes(notes, file);
  if (added.length === 0) return { noteArea: own, notes };
  const noteArea = Buffer.concat([own, added]);
  return { noteArea, notes: parseNotes(noteArea, littleEndian, file, new Warnings()) };
}

const RUNNING =
  "is the memory of a machine that runs: its pages are of different moments, and lists in it may have been changed meanwhile";

/** A file whose offsets count from `base` on. The length that the system reports for it is not used. */
function fromBase(image: SourceImage, base: bigint, size: number): SourceImage {
  return { ...image, file: { ...image.file, base, size } };
}

function bytesIn(extents: Extents): number {
  let bytes = 0;
  for (let i = 0; i < extents.count; i++) bytes += (extents.end[i] as number) - (extents.start[i] as number);
  return bytes;
}
