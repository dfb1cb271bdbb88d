import { DumpError } from "../errors.js";
import type { Dump, FoundVmcoreinfo } from "../reader/dump.js";
import { guessByNames } from "../reader/kdump/machine.js";
import { allMachines, archOfUts, type Machine } from "../reader/machine.js";
import type { GivenFile } from "../reader/source/side-file.js";
import { parseVmcoreinfo } from "../reader/vmcoreinfo.js";
import { decodeDeviceEntry, followDeviceEntry } from "../reader/vmcoreinfo-device.js";
import { scanForVmcoreinfo, textAt, type VmcoreinfoText } from "../reader/vmcoreinfo-scan.js";
import { Warnings } from "../warnings.js";
import { whyNotClassified } from "./cannot-filter.js";
import { dumpWithVmlinux } from "./debuginfo/vmlinux-dump.js";
import { fitsMachine, type GivenVmcoreinfo, releaseOf, withoutVmcoreinfo, wrongRelease } from "./given-vmcoreinfo.js";
import { kernelView } from "./kernel-view.js";
import { withMemoryOrder, withVmcoreinfo } from "./with-vmcoreinfo.js";

/** What is known of the dumped kernel apart from the dump. */
export interface CompleteOptions {
  /** Physical address of the VMCOREINFO text to take, of several that memory holds. */
  readonly vmcoreinfoAt?: number;
  /** VMCOREINFO to take instead of the dump's. */
  readonly vmcoreinfo?: GivenVmcoreinfo;
  /** The kernel's vmlinux: VMCOREINFO is made from it, and takes the place of the dump's. */
  readonly vmlinux?: GivenFile;
  /** The 16 bytes of QEMU's vmcoreinfo device, which lead to the note. */
  readonly vmcoreinfoDevice?: Uint8Array;
}

/**
 * The dump with what its headers do not tell but its memory does. Dumps from hypervisors may have no VMCOREINFO note:
 * the text lies in the guest's memory, and with it come the page size and all names. QEMU's ELF of a little-endian
 * ppc64 guest is big endian: the kernel's own name says what its memory is. A memory image does not even tell the
 * machine: that is the one whose kernel its memory shows. Reads all memory if there is no note;
 * otherwise costs nothing. Throws `BAD_OPTION` if there is no text at the address asked for, or a given text or vmlinux is
 * not of the dumped kernel.
 */
export function completeDump(dump: Dump, warnings: Warnings, options: CompleteOptions = {}): Dump {
  const at = options.vmcoreinfoAt;
  if (options.vmlinux !== undefined) return dumpWithVmlinux(withoutVmcoreinfo(dump), options.vmlinux, dump);
  if (options.vmcoreinfo !== undefined) return withGiven(withoutVmcoreinfo(dump), options.vmcoreinfo, dump, warnings);
  if (options.vmcoreinfoDevice !== undefined) {
    const led = ledByDevice(withoutVmcoreinfo(dump), options.vmcoreinfoDevice, warnings);
    if (led !== undefined) return led;
  }
  if (dump.vmcoreinfo !== undefined && at === undefined) return withMemoryOrder(dump, dump.vmcoreinfo);
  if (at !== undefined) return chosen(withoutVmcoreinfo(dump), at);
  const { dump: best, found } = search(dump, warnings);
  if (best !== undefined) return best;
  const { arch } = dump.machine;
  const what = dump.machineGuessed
    ? `nothing in its memory tells the machine; ${arch} with pages of ${dump.pageSize} bytes was taken (--arch names another)`
    : `no VMCOREINFO tells the page size; ${dump.pageSize} bytes were taken`;
  warnings.add("PAGE_SIZE_GUESSED", `${dump.paths[0] ?? ""}: ${what}`);
  return { ...dump, vmcoreinfoFound: found };
}

/** Takes a text from elsewhere, if it is of the kernel in memory. `original` has the dump's own. */
function withGiven(dump: Dump, given: GivenVmcoreinfo, original: Dump, warnings: Warnings): Dump {
  const release = releaseOf(given, warnings);
  const text: VmcoreinfoText = { paddr: Number.NaN, text: given.text, noteLittleEndian: undefined };
  for (const machine of machinesOf(dump, text)) {
    const complete = withText(dump, text, machine);
    const found = releaseInMemory(complete);
    if (found === release) return complete;
    if (found !== undefined && !dump.machineGuessed) throw wrongRelease(given, release, found);
  }
  // It does not lead to the kernel: perhaps it is another's.
  const known =
    original.vmcoreinfo?.osrelease ??
    (original.header.utsname?.release || search(dump, new Warnings()).dump?.vmcoreinfo?.osrelease);
  if (known !== undefined && known !== release) throw wrongRelease(given, release, known);
  return withText(dump, text, dump.machine);
}

function releaseInMemory(dump: Dump): string | undefined {
  try {
    return kernelView(dump, new Warnings()).utsname.release;
  } catch (error) {
    if (error instanceof DumpError) return undefined;
    throw error;
  }
}

/** The note that QEMU's vmcoreinfo device leads to; `undefined`, with a warning, if there is none of the machine. */
function ledByDevice(dump: Dump, entry: Uint8Array, warnings: Warnings): Dump | undefined {
  const { note, ignored } = followDeviceEntry(dump.memory, decodeDeviceEntry(entry));
  if (note !== undefined) {
    const text: VmcoreinfoText = { paddr: note.paddr, text: note.text, noteLittleEndian: note.littleEndian };
    const fitting = machinesOf(dump, text).filter((machine) => fitsMachine(note, machine));
    for (const machine of fitting) {
      const tried = tryMachine(dump, text, machine);
      if (tried.dump !== undefined) return tried.dump;
    }
    const given = dump.machineGuessed ? undefined : fitting[0];
    if (given !== undefined) return withText(dump, text, given);
  }
  const reason = ignored ?? "its note is of another machine than the dump";
  warnings.add("VMCOREINFO_DEVICE", `the vmcoreinfo device's entry is passed over: ${reason}`);
  return undefined;
}

function chosen(dump: Dump, paddr: number): Dump {
  const text = textAt(dump.memory, paddr);
  if (text === undefined) {
    throw new DumpError("BAD_OPTION", `there is no VMCOREINFO text at physical address 0x${paddr.toString(16)}`, {
      file: dump.paths[0] ?? "",
      cure: "`coresieve info` lists the addresses where it found one",
    });
  }
  return tryText(dump, text).dump ?? withText(dump, text, dump.machine);
}

/** Texts with what came of trying them: the one to take first. */
interface Search {
  readonly dump: Dump | undefined;
  readonly found: readonly FoundVmcoreinfo[];
}

/**
 * Looks for the text whose kernel can be looked into. Copies of it, or a second kernel's (the one that was to write the
 * dump), may lie in memory too: one that says when it crashed goes first, then the one with more memory, and of equals
 * the copy in a note.
 */
function search(dump: Dump, warnings: Warnings): Search {
  const tried = scanForVmcoreinfo(dump.memory).map((text) => tryText(dump, text));
  const rank = ({ found: { crashTime, pages, inNote } }: Tried) =>
    [pages === undefined ? 0 : 1, crashTime === undefined ? 0 : 1, pages ?? 0, inNote ? 1 : 0] as const;
  tried.sort((a, b) => {
    const [first, second] = [rank(a), rank(b)];
    const at = first.findIndex((value, i) => value !== second[i]);
    return at === -1 ? a.found.paddr - b.found.paddr : (second[at] as number) - (first[at] as number);
  });
  const found = tried.map((one) => one.found);
  const fitting = found.filter(({ pages }) => pages !== undefined);
  const places = fitting.filter(({ kernel }, i) => fitting.findIndex((one) => one.kernel === kernel) === i);
  if (places.length > 1) {
    const list = places.map(({ paddr, release }) => `${release} at 0x${paddr.toString(16)}`).join(", ");
    warnings.add(
      "SEVERAL_KERNELS",
      `VMCOREINFO of several kernels is in memory: ${list}; the first was taken (--vmcoreinfo-at ADDRESS takes another)`,
    );
  }
  const best = tried[0]?.dump;
  return { dump: best && { ...best, vmcoreinfoFound: found }, found };
}

interface Tried {
  /** `undefined` if the text leads to no kernel. */
  readonly dump: Dump | undefined;
  readonly found: FoundVmcoreinfo;
}

function tryText(dump: Dump, text: VmcoreinfoText): Tried {
  const machines = machinesOf(dump, text).map((machine) => () => tryMachine(dump, text, machine));
  let tried = machines[0]?.() as Tried;
  for (let i = 1; tried.dump === undefined && i < machines.length; i++) {
    const next = machines[i]?.() as Tried;
    // Of several failures the likeliest machine's says most.
    if (next.dump !== undefined) tried = next;
  }
  return tried;
}

/** What the machine can be: the dump's, or, where nothing tells it, every one, with the likeliest first. */
function machinesOf(dump: Dump, { text }: VmcoreinfoText): readonly Machine[] {
  if (!dump.machineGuessed) return [dump.machine];
  const likely = guessByNames(parseVmcoreinfo(text, new Warnings()));
  return allMachines().sort((a, b) => Number(b.arch === likely) - Number(a.arch === likely));
}

function tryMachine(dump: Dump, text: VmcoreinfoText, machine: Machine): Tried {
  const info = parseVmcoreinfo(text.text, new Warnings());
  const found = {
    paddr: text.paddr,
    release: info.osrelease ?? "",
    crashTime: info.crashTime,
    inNote: text.noteLittleEndian !== undefined,
  };
  const failed = (reason: string): Tried => ({
    dump: undefined,
    found: { ...found, pages: undefined, reason, kernel: `${info.buildId} ${info.symbol("init_uts_ns")}` },
  });
  try {
    const complete = withText(dump, text, machine);
    const { memMap, utsname } = kernelView(complete, new Warnings());
    // A file of another kernel's text may lie in the page cache, and its addresses may lead somewhere.
    if (utsname.release !== info.osrelease) return failed(`the kernel there is ${utsname.release}`);
    if (dump.machineGuessed && archOfUts(utsname.machine)?.arch !== machine.arch) {
      return failed(`the kernel there is of ${utsname.machine}`);
    }
    let pages = 0;
    for (let i = 0; i < memMap.count; i++) pages += (memMap.endPfn[i] as number) - (memMap.startPfn[i] as number);
    const kernel = `${info.buildId} ${utsname.release} ${utsname.version} ${info.symbol("init_uts_ns")}`;
    return { dump: complete, found: { ...found, pages, reason: undefined, kernel } };
  } catch (error) {
    // Damage that such a guess leads into says nothing about the dump.
    if (error instanceof DumpError) return failed(whyNotClassified(error));
    throw error;
  }
}

function withText(dump: Dump, { text, paddr }: VmcoreinfoText, machine: Machine): Dump {
  return withVmcoreinfo(dump, text, machine, Number.isNaN(paddr) ? undefined : paddr);
}
