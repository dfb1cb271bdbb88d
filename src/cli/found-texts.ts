import { formatCount } from "../readable-count.js";
import type { FoundVmcoreinfo } from "../reader/dump.js";
import { plural } from "./numbers.js";

/** A VMCOREINFO text of the file or of its memory, for the JSON of `coresieve info`. */
export type FoundText = ReturnType<typeof foundText>;

/** `index` is the text's index in `all`; the used one comes first. */
export function foundText(text: FoundVmcoreinfo, index: number, all: readonly FoundVmcoreinfo[]) {
  const { paddr, note, release, crashTime, inNote, pages } = text;
  return {
    /** In hexadecimal, as --vmcoreinfo-at takes it; null for the file's own notes. */
    address: paddr === undefined ? null : `0x${paddr.toString(16)}`,
    note: note ?? null,
    release,
    /** ISO 8601. */
    crashTime: crashTime === undefined ? null : new Date(crashTime * 1000).toISOString(),
    inNote,
    /** null if it leads to no kernel. */
    pages: pages ?? null,
    taken: index === 0 && pages !== undefined,
    /** Why it was used, or not. */
    reason: reasonOf(text, index, all),
  };
}

function reasonOf(text: FoundVmcoreinfo, index: number, all: readonly FoundVmcoreinfo[]): string {
  const { pages, reason } = text;
  if (pages === undefined) return `leads to no kernel: ${reason}`;
  const why = index === 0 ? whyTaken(text, all[1]) : whyNot(text, all[0]);
  return reason === undefined ? why : `${why}; in doubt: ${reason}`;
}

function whyTaken(text: FoundVmcoreinfo, next: FoundVmcoreinfo | undefined): string {
  if (next?.pages === undefined) return "taken: the only one that leads to a kernel";
  if (text.reason === undefined && next.reason !== undefined)
    return "taken: the only one that its kernel's memory bears out";
  if (text.note !== undefined) return "taken: the file's own note";
  if ((text.crashTime === undefined) !== (next.crashTime === undefined)) return "taken: written at a crash";
  if (text.pages !== next.pages) return "taken: its kernel has most memory";
  return text.inNote && !next.inNote ? "taken: the copy in a note" : "taken: the first of equals";
}

function whyNot(text: FoundVmcoreinfo, taken: FoundVmcoreinfo | undefined): string {
  return text.kernel === taken?.kernel ? "a copy of the one taken" : "of another kernel";
}

/** The texts for people, at most `most` of them. */
export function describeFound(found: readonly FoundText[], most: number): string[] {
  if (found.length === 0) return [];
  const inMemory = found.filter(({ address }) => address !== null).length;
  const notes = found.length - inMemory;
  const what = [
    ...(notes === 0 ? [] : [`${plural(notes, "note")} of the file`]),
    ...(inMemory === 0 ? [] : [`${plural(inMemory, "VMCOREINFO text")} in memory (--vmcoreinfo-at takes another)`]),
  ];
  const lines = [`${"Candidates".padEnd(14)}${what.join(", ")}`];
  for (const { address, note, release, crashTime, reason } of found.slice(0, most)) {
    const crashed = crashTime === null ? "no crash time" : `crashed ${crashTime}`;
    lines.push(`  ${address ?? `note ${note}`} ${release}, ${crashed}; ${reason}`);
  }
  if (found.length > most) lines.push(`  and ${formatCount(found.length - most)} more (--json)`);
  return lines;
}
