import type { PagePlan } from "../filter/plan.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { encodeNote, NOTE_HEADER_SIZE } from "../reader/cpu-notes/encode-notes.js";
import type { Dump } from "../reader/dump.js";
import { utsMachine } from "../reader/machine.js";
import { findVmcoreinfo } from "../reader/notes.js";
import type { Utsname } from "../reader/utsname.js";
import type { DumpFacts } from "./dump-facts.js";
import type { OutputFormat } from "./output-format.js";

/**
 * The facts of an output. Its note area is the input's, byte for byte. A note is only added if the input has its text
 * elsewhere: VMCOREINFO in kdump headers of version 3, and eraseinfo, which ELF files store in a note.
 */
export function dumpFacts(
  dump: Dump,
  view: KernelView | undefined,
  { maxMapnr, firstPfn }: Pick<PagePlan, "maxMapnr" | "firstPfn">,
  dumpLevel: number,
  format: OutputFormat,
): DumpFacts {
  const { header, machine, vmcoreinfo } = dump;
  const parts = [dump.noteArea];
  const info = findVmcoreinfo(dump.notes);
  const end = dump.noteArea.length;
  let vmcoreinfoAt = info && { offset: info.descOffset, size: info.desc.length };
  if (info === undefined && vmcoreinfo !== undefined) {
    const desc = Buffer.from(vmcoreinfo.text, "latin1");
    const note = encodeNote("VMCOREINFO", 0, desc, machine.littleEndian);
    vmcoreinfoAt = { offset: end + NOTE_HEADER_SIZE + 12, size: desc.length };
    parts.push(note);
  }
  const inNotes = dump.notes.some((note) => note.name === "ERASEINFO");
  if (format === "elf" && dump.eraseinfo !== undefined && !inNotes) {
    parts.push(encodeNote("ERASEINFO", 0, dump.eraseinfo, machine.littleEndian));
  }
  return {
    machine,
    pageSize: dump.pageSize,
    maxMapnr,
    firstPfn,
    utsname: view?.utsname ?? knownUtsname(dump),
    timestamp: header.timestamp ?? vmcoreinfo?.crashTime ?? 0,
    cpus: header.cpus,
    physBase: view?.physBase ?? vmcoreinfo?.number("phys_base") ?? header.physBase ?? 0n,
    dumpLevel,
    noteArea: Buffer.concat(parts),
    vmcoreinfo: vmcoreinfoAt,
    eraseinfo: dump.eraseinfo,
    incomplete: header.incomplete,
  };
}

/** The header's utsname if it is filled (QEMU fills only the machine), otherwise what VMCOREINFO has. */
function knownUtsname(dump: Dump): Utsname {
  const known = dump.header.utsname;
  if (known !== undefined && known.release !== "") return known;
  const release = dump.vmcoreinfo?.osrelease ?? "";
  const sysname = release === "" ? "" : "Linux";
  const machine = known === undefined || known.machine === "Unknown" ? utsMachine(dump.machine) : known.machine;
  return { sysname, nodename: "", release, version: "", machine, domainname: "" };
}
