import { DumpError } from "../errors.js";
import type { LongWork } from "../long-work.js";
import { OPTION } from "../option-words.js";
import type { Dump, DumpHeader, FoundVmcoreinfo } from "../reader/dump.js";
import { endError, type FoundInMemory, searchedUpTo, warnOfEnd } from "../reader/find-in-memory.js";
import { isOfXenHost } from "../reader/notes.js";
import type { GivenFile } from "../reader/source/side-file.js";
import { pageSizeFor } from "../reader/vmcoreinfo.js";
import { decodeDeviceEntry, followDeviceEntry } from "../reader/vmcoreinfo-device.js";
import { scanForVmcoreinfo, textAt, type VmcoreinfoText } from "../reader/vmcoreinfo-scan.js";
import { ofFile, Warnings } from "../warnings.js";
import { archSupport } from "./arch/archs.js";
import { fitsMachine, type GivenVmcoreinfo, releaseOf, withoutVmcoreinfo, wrongRelease } from "./given-vmcoreinfo.js";
import { type KernelView, kernelView } from "./kernel-view.js";
import { maySearch } from "./may-search.js";
import {
  byLikelihood,
  type Doubt,
  isProven,
  machinesOf,
  type TriedText,
  tryMachine,
  tryText,
  withText,
} from "./vmcoreinfo-candidates.js";
import { withMemoryOrder } from "./with-vmcoreinfo.js";

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

/** A dump with its VMCOREINFO, and the kernel's view if one was made to prove it. */
export interface CompleteDump {
  readonly dump: Dump;
  readonly view: KernelView | undefined;
  /** A page that is missing or damaged, or where the search ended, if no kernel was found: what leads to it may lie there. */
  readonly damage?: DumpError | undefined;
}

/** Accepts every text: for callers that classify no pages. */
export const NO_DOUBT: Doubt = () => undefined;

/**
 * Completes a dump from its memory with what its headers lack. Dumps from hypervisors may have no VMCOREINFO note, or
 * one that is not the kernel's own. The text also lies in the guest's memory, and has the page size and all names. A
 * note is believed if its kernel is found and `doubt` does not object; otherwise all notes and all texts in memory are
 * candidates. QEMU's ELF of a little-endian ppc64 guest is big endian: there the kernel's own name decides the byte
 * order of its memory. A memory image does not even say which machine it is from: the machine is the one whose kernel
 * is found in memory. Reads all memory if no note is proven; otherwise a few pages. Throws `BAD_OPTION` if there is no
 * text at the address asked for, or if a given text or vmlinux is not of the dumped kernel.
 */
export function* completingOwn(
  dump: Dump,
  warnings: Warnings,
  options: Omit<CompleteOptions, "vmlinux"> = {},
  doubt: Doubt = NO_DOUBT,
): LongWork<CompleteDump> {
  const at = options.vmcoreinfoAt;
  const withoutView = (complete: Dump): CompleteDump => {
    pageSizeFor(complete.machine.arch, complete.vmcoreinfo, warnings);
    return { dump: complete, view: undefined };
  };
  if (options.vmcoreinfo !== undefined) {
    return withoutView(yield* withGiven(withoutVmcoreinfo(dump), options.vmcoreinfo, dump, warnings));
  }
  if (options.vmcoreinfoDevice !== undefined) {
    const fromDevice = withDeviceNote(withoutVmcoreinfo(dump), options.vmcoreinfoDevice, warnings);
    if (fromDevice !== undefined) return withoutView(fromDevice);
  }
  if (at !== undefined) return withoutView(withTextAt(withoutVmcoreinfo(dump), at));
  const complete = yield* ownOrInMemory(dump, warnings, doubt);
  if (complete.dump.vmcoreinfo !== undefined) return complete;
  const { arch } = dump.machine;
  if (!dump.machineGuessed && STATE_PAGE_SIZE.has(dump.header.format)) return complete;
  const what = dump.machineGuessed
    ? `nothing in its memory gives the architecture; it is assumed to be ${arch} with pages of ${dump.pageSize} bytes (${OPTION.arch} names another)`
    : `no VMCOREINFO gives the page size; it is assumed to be ${dump.pageSize} bytes`;
  warnings.add("PAGE_SIZE_GUESSED", `${dump.paths[0] ?? ""}: ${what}`);
  return complete;
}

/** Formats whose headers have it; in kdump's it is the unit of all page numbers, whatever the kernel's pages are. */
const STATE_PAGE_SIZE: ReadonlySet<DumpHeader["format"]> = new Set(["lkcd", "kdump"]);

/** Takes a text from elsewhere, if it belongs to the kernel in memory. `original` still has the dump's own text. */
function* withGiven(dump: Dump, given: GivenVmcoreinfo, original: Dump, warnings: Warnings): LongWork<Dump> {
  const release = releaseOf(given, warnings);
  const text: VmcoreinfoText = { paddr: Number.NaN, text: given.text, noteLittleEndian: undefined };
  const machines = machinesOf(dump, text);
  // The name of a release reads the same on several machines, and in both byte orders; struct pages do not.
  for (const machine of machines.length > 1 ? machines : []) {
    const { dump: proven } = tryMachine(dump, text, machine, NO_DOUBT);
    if (proven !== undefined) return proven;
  }
  for (const machine of machines) {
    const complete = withText(dump, text, machine);
    const found = releaseInMemory(complete);
    if (found === release) return complete;
    if (found !== undefined && !dump.machineGuessed) throw wrongRelease(given, release, found);
  }
  // The text does not lead to the dumped kernel: it may belong to another one.
  const known =
    original.vmcoreinfo?.osrelease ??
    (original.header.utsname?.release ||
      (yield* ownOrInMemory(dump, new Warnings(), NO_DOUBT)).dump.vmcoreinfo?.osrelease);
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

/**
 * The dump with the note that QEMU's vmcoreinfo device points to; `undefined`, with a warning, if no note fits the
 * machine.
 */
function withDeviceNote(dump: Dump, entry: Uint8Array, warnings: Warnings): Dump | undefined {
  const { note, ignored } = followDeviceEntry(dump.memory, decodeDeviceEntry(entry));
  if (note !== undefined) {
    const text: VmcoreinfoText = { paddr: note.paddr, text: note.text, noteLittleEndian: note.littleEndian };
    const fitting = machinesOf(dump, text).filter((machine) => fitsMachine(note, machine));
    for (const machine of fitting) {
      const tried = tryMachine(dump, text, machine, NO_DOUBT);
      if (tried.dump !== undefined) return tried.dump;
    }
    const given = dump.machineGuessed ? undefined : fitting[0];
    if (given !== undefined) return withText(dump, text, given);
  }
  const reason = ignored ?? "its note is of another machine than the dump";
  warnings.add("VMCOREINFO_DEVICE", `the vmcoreinfo device's entry is not used: ${reason}`);
  return undefined;
}

function withTextAt(dump: Dump, paddr: number): Dump {
  const text = textAt(dump.memory, paddr);
  if (text === undefined) {
    throw new DumpError("BAD_OPTION", `there is no VMCOREINFO text at physical address 0x${paddr.toString(16)}`, {
      file: dump.paths[0] ?? "",
      cure: "`coresieve info` lists the addresses where it found one",
    });
  }
  return tryText(dump, text, NO_DOUBT).dump ?? withText(dump, text, dump.machine);
}

/** The most notes of a file that are tried: each try looks into its kernel. */
const MAX_NOTES = 16;

/**
 * The dump with the file's own note if that is proven, otherwise with the best of all notes and of all texts in memory.
 * Memory may also hold copies of the kernel's text, or the text of a second kernel (the crash kernel that was to write
 * the dump).
 */
function* ownOrInMemory(dump: Dump, warnings: Warnings, doubt: Doubt): LongWork<CompleteDump> {
  const own = ownTexts(dump);
  // Texts in memory may be those of any domain.
  if (isOfXenHost(dump.notes)) return { dump, view: undefined };
  const without = own.length === 0 ? dump : withoutVmcoreinfo(dump);
  if (own.length > 0 && archSupport(dump.machine.arch) === undefined) return { dump, view: undefined };
  const notes = own.map((text, i) => tryText(i === 0 ? dump : without, text, doubt, i + 1));
  const proven = notes.find(isProven);
  if (proven !== undefined && notes.length === 1) return take(proven, notes, warnings);
  const { found: others, damage, endedAt } = proven === undefined ? yield* inMemory(without, warnings, doubt) : NOTHING;
  const sorted = byLikelihood([...notes, ...others]);
  const found = sorted.map((one) => one.found);
  warnOfSeveral(found, warnings);
  const [best] = sorted;
  if (best?.dump === undefined) {
    // No text leads to a kernel. The note is still the best source there is.
    const { vmcoreinfo } = dump;
    const known = vmcoreinfo === undefined ? dump : withMemoryOrder(dump, vmcoreinfo);
    const ended = endedAt === undefined ? {} : { searchEnded: searchedUpTo(endedAt, dump.memory) };
    return { dump: { ...known, vmcoreinfoFound: found, ...ended }, view: undefined, damage };
  }
  const [first] = notes;
  if (first !== undefined && best !== first) {
    warnings.add("VMCOREINFO_NOTE", ofFile(dump.paths[0] ?? "", whyAnother(first.found, best.found)));
  }
  return take(best, sorted, warnings);
}

function take(
  { dump, view, warnings: met, found: taken }: TriedText,
  all: readonly TriedText[],
  warnings: Warnings,
): CompleteDump {
  warnings.addAll(met);
  // The reader of the file has warned of the first note.
  if (taken.note !== 1 && dump !== undefined) pageSizeFor(dump.machine.arch, dump.vmcoreinfo, warnings);
  const found =
    all.length > 1 || all[0]?.found.note === undefined ? { vmcoreinfoFound: all.map((one) => one.found) } : {};
  return { dump: { ...(dump as Dump), ...found }, view };
}

function whyAnother(first: FoundVmcoreinfo, taken: FoundVmcoreinfo): string {
  const why =
    first.pages === undefined ? `leads to no kernel in its memory (${first.reason})` : `is in doubt (${first.reason})`;
  const what = `${placeOf(taken)} was taken: it leads to the kernel ${taken.release}`;
  const more = taken.reason === undefined ? ", and its struct pages are as that text says" : ` (${taken.reason})`;
  return `the VMCOREINFO note ${why}; ${what}${more}`;
}

/** Where a text was found, in words. */
function placeOf({ note, paddr = 0 }: FoundVmcoreinfo): string {
  return note === undefined ? `the text in memory at 0x${paddr.toString(16)}` : `the file's ${note}. VMCOREINFO note`;
}

/** The texts of the file's own notes; the one that the reader of the file took comes first. */
function ownTexts({ vmcoreinfo, notes }: Dump): VmcoreinfoText[] {
  if (vmcoreinfo === undefined) return [];
  const texts = notes
    .filter(({ name }) => name === "VMCOREINFO")
    .map(({ desc }) => Buffer.from(desc).toString("latin1"));
  // A kdump header of version 3 has the text but no notes.
  return [...new Set([vmcoreinfo.text, ...texts])]
    .slice(0, MAX_NOTES)
    .map((text) => ({ paddr: Number.NaN, text, noteLittleEndian: undefined }));
}

const NOTHING = { found: [], damage: undefined, endedAt: undefined };

/** Tries all texts in memory; of copies only the first. Returns none for a machine's own live memory. */
function* inMemory(dump: Dump, warnings: Warnings, doubt: Doubt): LongWork<FoundInMemory<TriedText>> {
  if (!maySearch(dump)) return NOTHING;
  const known = new Map<string, TriedText>();
  const all: TriedText[] = [];
  const texts = yield* scanForVmcoreinfo(dump.memory);
  warnOfEnd(texts, dump, warnings);
  for (const text of texts.found) {
    const { text: words, paddr, noteLittleEndian } = text;
    const copy = known.get(words);
    if (copy === undefined) {
      const tried = tryText(dump, text, doubt);
      known.set(words, tried);
      all.push(tried);
      yield;
      continue;
    }
    const found = { ...copy.found, paddr, inNote: noteLittleEndian !== undefined };
    all.push({ ...copy, dump: copy.dump && { ...copy.dump, vmcoreinfoAddress: paddr }, found });
  }
  return { found: all, damage: texts.damage ?? endError(texts, dump), endedAt: texts.endedAt };
}

function warnOfSeveral(found: readonly FoundVmcoreinfo[], warnings: Warnings): void {
  const fitting = found.filter(({ pages, note }) => pages !== undefined && note === undefined);
  const places = fitting.filter(({ kernel }, i) => fitting.findIndex((one) => one.kernel === kernel) === i);
  if (places.length <= 1) return;
  const list = places.map(({ paddr = 0, release }) => `${release} at 0x${paddr.toString(16)}`).join(", ");
  warnings.add(
    "SEVERAL_KERNELS",
    `VMCOREINFO of several kernels is in memory: ${list}; the first was taken (${OPTION.vmcoreinfoAt} takes another)`,
  );
}
