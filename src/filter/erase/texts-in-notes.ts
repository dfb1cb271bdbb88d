import type { Dump } from "../../reader/dump.js";
import { parseNotes } from "../../reader/notes.js";
import type { Utsname } from "../../reader/utsname.js";
import { Warnings } from "../../warnings.js";
import { PatternFinder } from "../text/find-patterns.js";
import { EDGE } from "../text/searched.js";
import type { TextSearch } from "../text/text-search.js";
import { WideTexts } from "../text/wide-texts.js";
import { ERASED } from "./spans.js";

/** Overwrites texts in the parts of a dump outside of its pages. */
export class TextsInNotes {
  readonly #finder: PatternFinder;
  readonly #wide: WideTexts;
  /** How many texts were found, by rule. */
  readonly counts: number[];

  constructor(private readonly search: TextSearch) {
    this.#finder = new PatternFinder(search);
    this.#wide = new WideTexts(this.#finder);
    this.counts = new Array(search.rules).fill(0);
  }

  /**
   * The dump with texts overwritten in its notes and in the eraseinfo of earlier runs. In VMCOREINFO, which readers
   * need, only byte strings are overwritten, because a version there looks like an address. Notes keep their sizes.
   */
  erase(dump: Dump): Dump {
    const noteArea = new Uint8Array(dump.noteArea);
    for (const { name, desc, descOffset } of dump.notes) {
      this.#overwrite(noteArea.subarray(descOffset, descOffset + desc.length), name !== "VMCOREINFO");
    }
    const eraseinfo = dump.eraseinfo && new Uint8Array(dump.eraseinfo);
    if (eraseinfo !== undefined) this.#overwrite(eraseinfo, true);
    const { machine, paths, header } = dump;
    return {
      ...dump,
      noteArea,
      notes: parseNotes(noteArea, machine.littleEndian, paths[0] ?? "", new Warnings()),
      ...(eraseinfo === undefined ? {} : { eraseinfo }),
      header: { ...header, ...(header.utsname === undefined ? {} : { utsname: this.names(header.utsname) }) },
    };
  }

  /** The kernel's names, which the header of a kdump file repeats. */
  names(utsname: Utsname): Utsname {
    const erased = Object.entries(utsname).map(([name, value]) => {
      if (name !== "nodename" && name !== "domainname") return [name, value];
      const bytes = Buffer.from(value as string, "latin1");
      this.#overwrite(bytes, true);
      return [name, bytes.toString("latin1")];
    });
    return Object.fromEntries(erased) as Utsname;
  }

  #overwrite(bytes: Uint8Array, patterns: boolean): void {
    const found: { rule: number; start: number; end: number }[] = [];
    const original = Buffer.from(bytes);
    for (const { rule, bytes: needle } of this.search.needles) {
      for (let at = original.indexOf(needle); at >= 0; at = original.indexOf(needle, at + 1)) {
        found.push({ rule, start: at, end: at + needle.length });
      }
    }
    if (patterns && this.search.patterns.length > 0) {
      // The search needs zeros before and behind, and an address that is a multiple of 4.
      const around = 2 * EDGE;
      const padded = new Uint8Array(bytes.length + 2 * around);
      padded.set(bytes, around);
      const searched = { bytes: padded, from: around, to: around + bytes.length };
      const take = (match: { rule: number; start: number; end: number }) =>
        found.push({ rule: match.rule, start: match.start - around, end: match.end - around });
      this.#finder.find(searched, take);
      this.#wide.find(searched, take);
    }
    for (const { rule, start, end } of found) {
      bytes.fill(ERASED, start, end);
      this.counts[rule] = (this.counts[rule] ?? 0) + 1;
    }
  }
}
