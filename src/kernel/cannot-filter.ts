import { DumpError, type DumpErrorCode, type DumpErrorSubcode } from "../errors.js";
import { OPTION } from "../option-words.js";
import type { Dump } from "../reader/dump.js";
import { maySearch } from "./may-search.js";

const LEVELS = `Levels 0 and 1 (${OPTION.levels01}) do not need that`;
const SOURCES = `for others give the kernel's vmlinux (${OPTION.vmlinux}) or its VMCOREINFO (${OPTION.vmcoreinfo}, or ${OPTION.vmcoreinfoAt} as \`coresieve info\` lists them)`;
/** If the file is cut off, no VMCOREINFO text leads to what is missing. */
const LOST = "others need page tables and struct pages, which may be in the part that is missing";

/** The error of a dump whose pages cannot be classified, for the reason `why`. */
export function cannotFilter(dump: Dump, why: string, subcode?: DumpErrorSubcode): DumpError {
  return new DumpError("CANNOT_FILTER", "its pages cannot be classified", {
    ...{ why, subcode },
    file: dump.paths[0] ?? "",
    // No text helps with a host of Xen, nor where this version knows no kernels of the machine.
    cure: cureOf(dump, subcode),
  });
}

function cureOf(dump: Dump, subcode: DumpErrorSubcode | undefined): string {
  if (subcode === "MACHINE_UNSUPPORTED") return LEVELS;
  if (subcode === "XEN_HOST") return `${LEVELS}; \`makedumpfile -X\` drops the memory of user domains`;
  return `${LEVELS}; ${isCut(dump) ? LOST : sources(dump)}`;
}

function sources(dump: Dump): string {
  return maySearch(dump) ? SOURCES : "for others copy it to a file, which may be searched for what is lost";
}

/** Whether the dump describes its kernel but lacks a part of the memory. */
function isCut({ header, vmcoreinfo }: Dump): boolean {
  return header.incomplete && vmcoreinfo !== undefined;
}

/**
 * Why a dump's pages cannot be classified, without the words "cannot be classified", for callers with words of their
 * own.
 */
export function whyNotClassified({ code, why, reason }: DumpError): string {
  return code === "CANNOT_FILTER" && why !== undefined ? why : reason;
}

/** Errors that say nothing about the dump's kernel: the caller must not go on after them. */
const NOT_ABOUT_THE_KERNEL: readonly DumpErrorCode[] = ["STRICT", "ABORTED", "INPUT_CHANGED", "NO_MEMORY"];

/** Whether an error that came up while looking for the kernel is about something else. */
export function saysNothingOfKernel({ code }: DumpError): boolean {
  return NOT_ABOUT_THE_KERNEL.includes(code);
}
