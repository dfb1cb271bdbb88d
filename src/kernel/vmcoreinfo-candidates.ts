import { DumpError } from "../errors.js";
import type { Dump, FoundVmcoreinfo } from "../reader/dump.js";
import { guessByNames } from "../reader/kdump/machine.js";
import { type Arch, allMachines, archOfUts, factsOf, type Machine, machineNamed, mayBeOf } from "../reader/machine.js";
import { parseVmcoreinfo } from "../reader/vmcoreinfo.js";
import type { VmcoreinfoText } from "../reader/vmcoreinfo-scan.js";
import { Warnings } from "../warnings.js";
import { saysNothingOfKernel, whyNotClassified } from "./cannot-filter.js";
import { type KernelView, kernelView } from "./kernel-view.js";
import { withVmcoreinfo } from "./with-vmcoreinfo.js";

/**
 * Checks the kernel that a VMCOREINFO text led to against its memory. Returns in words why the text is in doubt;
 * `undefined` if memory confirms it.
 */
export type Doubt = (dump: Dump, view: KernelView) => string | undefined;

/** A VMCOREINFO text and the result of trying it. */
export interface TriedText {
  /** The dump with that text; `undefined` if the text leads to no kernel. */
  readonly dump: Dump | undefined;
  /** The kernel that it leads to. */
  readonly view: KernelView | undefined;
  /** Warnings that came up while finding that kernel. */
  readonly warnings: Warnings;
  readonly found: FoundVmcoreinfo;
}

/** Whether the text's kernel was found and its memory does not contradict the text. */
export function isProven({ found }: TriedText): boolean {
  return found.pages !== undefined && found.reason === undefined;
}

/**
 * Tries a text. `number` is the number of the note in the file, if it comes from one; `doubt` checks the kernel that
 * the text leads to.
 */
export function tryText(dump: Dump, text: VmcoreinfoText, doubt: Doubt, number?: number): TriedText {
  const machines = machinesOf(dump, text);
  let tried = tryMachine(dump, text, machines[0] as Machine, doubt, number);
  for (let i = 1; tried.dump === undefined && i < machines.length; i++) {
    const next = tryMachine(dump, text, machines[i] as Machine, doubt, number);
    // If all fail, the result of the likeliest machine is the most useful one.
    if (next.dump !== undefined) tried = next;
  }
  return tried;
}

/**
 * The machines that a dump may be of: its own, or, if nothing in the dump says which, every one, the likeliest first.
 * Some have one name in both byte orders, and only ELF and kdump headers tell which.
 */
export function machinesOf(dump: Dump, { text }: VmcoreinfoText): readonly Machine[] {
  const { format } = dump.header;
  const saysOrder = !dump.machineGuessed && (format === "elf" || format === "kdump");
  const likely = guessByNames(parseVmcoreinfo(text, new Warnings()));
  const machines = dump.machineGuessed
    ? allMachines().sort((a, b) => Number(b.arch === likely) - Number(a.arch === likely))
    : statedMachines(dump, likely);
  const hasBoth = ({ arch }: Machine) => !saysOrder && factsOf(arch).eitherOrder === true;
  return machines.flatMap((one) => (hasBoth(one) ? [one, { ...one, littleEndian: !one.littleEndian }] : [one]));
}

/** The machine that the file names. If that may stand for the machine that the text is of, this one comes first. */
function statedMachines({ machine }: Dump, likely: Arch | undefined): readonly Machine[] {
  if (likely === undefined || likely === machine.arch || !mayBeOf(machine.arch, likely)) return [machine];
  return [machineNamed(likely) as Machine, machine];
}

/** Tries a text as one of the given machine's. */
export function tryMachine(
  dump: Dump,
  text: VmcoreinfoText,
  machine: Machine,
  doubt: Doubt,
  number?: number,
): TriedText {
  const warnings = new Warnings();
  const info = parseVmcoreinfo(text.text, warnings);
  const found = {
    paddr: Number.isNaN(text.paddr) ? undefined : text.paddr,
    note: number,
    release: info.osrelease ?? "",
    crashTime: info.crashTime,
    inNote: text.noteLittleEndian !== undefined,
  };
  const failed = (reason: string): TriedText => ({
    ...{ dump: undefined, view: undefined, warnings },
    found: { ...found, pages: undefined, reason, kernel: `${info.buildId} ${info.symbol("init_uts_ns")}` },
  });
  try {
    const complete = withText(dump, text, machine);
    const view = kernelView(complete, warnings);
    const { memMap, utsname } = view;
    // A text of another kernel may lie in the page cache, and its addresses may lead somewhere by chance.
    if (utsname.release !== info.osrelease) return failed(`the kernel there is ${utsname.release}`);
    if (
      (dump.machineGuessed || machine.arch !== dump.machine.arch) &&
      archOfUts(utsname.machine)?.arch !== machine.arch
    ) {
      return failed(`the kernel there is of ${utsname.machine}`);
    }
    let pages = 0;
    for (let i = 0; i < memMap.count; i++) pages += (memMap.endPfn[i] as number) - (memMap.startPfn[i] as number);
    const kernel = `${info.buildId} ${utsname.release} ${utsname.version} ${info.symbol("init_uts_ns")}`;
    const reason = doubt(complete, view);
    return { dump: complete, view, warnings, found: { ...found, pages, reason, kernel } };
  } catch (error) {
    // An error that such a guess leads to says nothing about the dump.
    if (error instanceof DumpError && !saysNothingOfKernel(error)) return failed(whyNotClassified(error));
    throw error;
  }
}

/** The dump with a text, and with the text's address if that is known. */
export function withText(dump: Dump, { text, paddr }: VmcoreinfoText, machine: Machine): Dump {
  return withVmcoreinfo(dump, text, machine, Number.isNaN(paddr) ? undefined : paddr);
}

/**
 * Sorts texts, the best first: confirmed by memory, then leading to a kernel at least. Equal ones: the file's own note,
 * a text with a crash time, more memory, a copy in a note, the lower address.
 */
export function byLikelihood(tried: readonly TriedText[]): TriedText[] {
  const rank = (one: TriedText) => {
    const { note, crashTime, pages, inNote, paddr } = one.found;
    return [
      isProven(one) ? 2 : pages === undefined ? 0 : 1,
      note === undefined ? 0 : 1,
      crashTime === undefined ? 0 : 1,
      pages ?? 0,
      inNote ? 1 : 0,
      -(note ?? paddr ?? 0),
    ] as const;
  };
  return [...tried].sort((a, b) => {
    const [first, second] = [rank(a), rank(b)];
    const at = first.findIndex((value, i) => value !== second[i]);
    return at === -1 ? 0 : (second[at] as number) - (first[at] as number);
  });
}
