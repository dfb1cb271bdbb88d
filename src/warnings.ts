import { DumpError } from "./errors.js";
import { foreignText } from "./foreign-text.js";
import { aFlag, checkGiven, maybe, suchThat } from "./option-shape.js";
import { inWords, OPTION } from "./option-words.js";

/**
 * Damage or doubt that a run passes over. Each code is stable.
 *
 * | code | what happened | what follows |
 * |---|---|---|
 * | `MEM_MAP_UNREADABLE` | struct pages could not be read: they are missing or damaged | their pages are kept; with `--privacy` they are dropped |
 * | `FREE_ORDER` | free pages have an impossible order | they are kept; with `--privacy` they are dropped |
 * | `KERNEL_PAGES` | struct pages say of the kernel's own page tables, struct pages or nodes that they may go | they are kept |
 * | `FREE_LISTS` | the kernel marks no free pages, and its free lists are broken or not described | they are kept |
 * | `SELF_CHECK` | the memory contradicts facts in VMCOREINFO | classes that need them are kept |
 * | `FACT_MISSING` | VMCOREINFO lacks names that the level needs, or has impossible values for them | pages that they would decide about are kept |
 * | `NODE_OVERLAP` | two memory nodes claim the same pages | they are kept |
 * | `BAD_SECTION` | the map of a section of memory is at no kernel address | its pages are kept |
 * | `NO_KERNEL_VIEW` | the kernel was not found in the dump; the level is 0 or 1 | pages with memory errors and offline pages are kept |
 * | `PRIVACY_GAP` | `--privacy` could not walk all page tables | pages that only they show to be the kernel's are dropped |
 * | `PRIVACY_GAP` | what `--privacy-extra` names could not be reached | it is not overwritten |
 * | `ERASE_UNREACHABLE` | data of an erase rule could not be reached | what lies behind is not erased |
 * | `VMCOREINFO_NOTE` | the memory contradicts a VMCOREINFO note, or the note leads to no kernel | another note, or a text in memory, is used and written |
 * | `VMCOREINFO_DEVICE` | the entry of `--vmcoreinfo-device` leads to no note | it is not used |
 * | `VMCOREINFO_LINE` | a line of VMCOREINFO is not understood | it is not used |
 * | `SEVERAL_KERNELS` | memory holds VMCOREINFO of several kernels | the first that fits is used; `--vmcoreinfo-at` takes another |
 * | `NOT_SEARCHED` | the files store less than a 4,096th of the memory that they claim, and that is more than 2 GiB | the rest is not searched for VMCOREINFO or the kernel's banner |
 * | `PAGE_SIZE_GUESSED` | nothing gives the page size | the machine's usual one is used; `--arch` names a machine |
 * | `NOTE` | a note is cut off by the end of its segment, or registers are not understood | later notes are not looked at, but copied |
 * | `REGISTERS` | some CPUs left registers in memory, others did not | those that are there are written |
 * | `LOG_RECORDS` | records of the kernel log are not whole in the dump | they are left out |
 * | `ADDRESSES` | ELF output: the input's virtual addresses are not those of the page tables, or could not be checked | those of the page tables are written; without page tables the input's |
 * | `NO_ADDRESSES` | ELF output: nothing gives virtual addresses | gdb reads nothing of it: leave out `-E` |
 * | `PAGE_TABLES` | the kernel's top page table is lost or damaged | that of a process is used, or tables below it, or the kernel's image alone |
 * | `HOST_ADDRESSES` | page tables have addresses of the host's memory: a paravirtualised Xen domain | a note in the output says what they stand for; only coresieve knows it |
 * | `INCOMPLETE` | the input's writer marked it incomplete | the output is marked, too |
 * | `INPUT_CHANGED` | the memory of a running machine, or a file that is only looked at, changed while it was read | pages may be of different moments |
 * | `MORE_BYTES` | a stream or packed file continues after the end that its headers state | the rest is not read |
 * | `SEVERAL_SNAPSHOTS` | a disk image has several saved machines | the newest is used; `--snapshot` takes another |
 * | `UNPLACED_MEMORY` | a virtual machine's file does not say where some of its memory lies | that memory is left out |
 * | `NEXT_LEVEL` | the output had no room at a level | the next level of `-d` was tried |
 * | `NOT_WRITTEN` | the output had no room for some pages | they are missing, the output is marked incomplete, the exit code is 1 |
 * | `UPLOADS_UNLISTED` | unfinished uploads of the bucket cannot be listed | an interrupted one is not continued, and one whose begin the store did not answer stays. Not an error with `--strict` |
 * | `PAGE_ANSWERED` | a server confirms with a web page what was sent to a URL | it counts as sent: the page may be a proxy's. One that asks to sign in is an error. Not an error with `--strict` |
 * | `CUT_OFF` | with `--salvage`: a file ends too early | it is read up to there |
 * | `MISSING_PAGES` | with `--salvage`: pages are not in the file | they are left out |
 * | `BAD_PAGES` | with `--salvage`: pages cannot be read or decoded | they are left out |
 */
export type WarningCode =
  | "MEM_MAP_UNREADABLE"
  | "FREE_ORDER"
  | "KERNEL_PAGES"
  | "FREE_LISTS"
  | "SELF_CHECK"
  | "FACT_MISSING"
  | "NO_KERNEL_VIEW"
  | "VMCOREINFO_LINE"
  | "NOTE"
  | "BAD_SECTION"
  | "NODE_OVERLAP"
  | "VMCOREINFO_NOTE"
  | "VMCOREINFO_DEVICE"
  | "SEVERAL_KERNELS"
  | "NOT_SEARCHED"
  | "PAGE_SIZE_GUESSED"
  | "LOG_RECORDS"
  | "PRIVACY_GAP"
  | "ERASE_UNREACHABLE"
  | "ADDRESSES"
  | "NO_ADDRESSES"
  | "REGISTERS"
  | "SEVERAL_SNAPSHOTS"
  | "UNPLACED_MEMORY"
  | "PAGE_TABLES"
  | "HOST_ADDRESSES"
  | "INCOMPLETE"
  | "INPUT_CHANGED"
  | "NEXT_LEVEL"
  | "NOT_WRITTEN"
  | "MORE_BYTES"
  | "UPLOADS_UNLISTED"
  | "PAGE_ANSWERED"
  | "CUT_OFF"
  | "MISSING_PAGES"
  | "LEFT_BEHIND"
  | "BAD_PAGES";

/** A kind of warning, and how often it occurred. */
export interface DumpWarning {
  readonly code: WarningCode;
  /** One line that may be shown anywhere: text from a dump is escaped in it. */
  readonly message: string;
  /** Number of pages, lines or notes concerned; the message says which. */
  readonly count: number;
}

/**
 * A warning about a file, in parts, because some readers of the warning know the file already. A `DumpError` has these
 * parts too.
 */
export interface WarningParts {
  /** The whole line. */
  readonly summary: string;
  /** The line without the file and the offset in it. */
  readonly reason: string;
}

/** The parts of a warning about `file`. */
export function ofFile(file: string, reason: string): WarningParts {
  return { summary: `${file}: ${reason}`, reason };
}

/** How warnings are handled. */
export interface WarningsOptions {
  /** Whether each warning is an error. */
  readonly strict?: boolean;
}

/** The only channel of warnings of a run: collects them by code, or throws if `strict`. */
export class Warnings {
  readonly #byCode = new Map<WarningCode, DumpWarning>();
  readonly #reasons = new Map<WarningCode, string>();
  readonly #strict: boolean;

  constructor(options: WarningsOptions = {}) {
    checkGiven(options, { strict: maybe(aFlag) });
    this.#strict = options.strict ?? false;
  }

  /** Adds `count` cases. The first message of a code is kept. Throws a `STRICT` error if strict. */
  add(code: WarningCode, what: string | WarningParts, count = 1): void {
    const message = inWords(typeof what === "string" ? what : what.summary);
    if (this.#strict) {
      throw new DumpError("STRICT", `${message} [${code}]`, { cure: `Without ${OPTION.strict} the run would go on` });
    }
    this.remark(code, what, count);
  }

  /** The same, and never throws: about what is not the dump's, and of no effect on the output. */
  remark(code: WarningCode, what: string | WarningParts, count = 1): void {
    const message = inWords(typeof what === "string" ? what : what.summary);
    const known = this.#byCode.get(code);
    if (known === undefined)
      this.#reasons.set(code, foreignText(inWords(typeof what === "string" ? what : what.reason)));
    this.#byCode.set(code, {
      code,
      message: known?.message ?? foreignText(message),
      count: (known?.count ?? 0) + count,
    });
  }

  /** Adds all warnings of another channel. Throws a `STRICT` error if strict. */
  addAll(other: Warnings): void {
    for (const { code, message, count } of other.list) {
      this.add(code, { summary: message, reason: other.reasonOf(code) ?? message }, count);
    }
  }

  /** Remembers the present warnings. Calling the returned function removes all later ones. */
  mark(): () => void {
    const before = new Map(this.#byCode);
    return () => {
      this.#byCode.clear();
      for (const [code, warning] of before) this.#byCode.set(code, warning);
    };
  }

  /** The message of a code, without its file; `undefined` if there was no such warning. */
  reasonOf(code: WarningCode): string | undefined {
    return this.#byCode.has(code) ? this.#reasons.get(code) : undefined;
  }

  get list(): readonly DumpWarning[] {
    return [...this.#byCode.values()];
  }
}

/** Checks the option `warnings`. */
export const aWarnings = maybe(suchThat((value) => value instanceof Warnings, "new Warnings()"));
