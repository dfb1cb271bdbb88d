import { DumpError } from "./errors.js";
import { foreignText } from "./foreign-text.js";
import { aFlag, checkGiven, maybe, suchThat } from "./option-shape.js";
import { inWords, OPTION } from "./option-words.js";

/**
 * Damage or doubt that a run passes over. Each code is stable.
 *
 * | code | meaning |
 * |---|---|
 * | `MEM_MAP_UNREADABLE` | struct pages that could not be read: their pages are kept |
 * | `FREE_ORDER` | buddy pages of an impossible order: kept |
 * | `FREE_LISTS` | free pages that only lists tell, and lists that are broken or not found: kept |
 * | `SELF_CHECK` | facts in VMCOREINFO that the memory contradicts: the classes that need them are kept |
 * | `FACT_MISSING` | names that the level needs and VMCOREINFO lacks: what they tell is kept |
 * | `NO_KERNEL_VIEW` | levels 0 and 1 without struct pages: hwpoison and offline pages are kept |
 * | `VMCOREINFO_LINE` | lines of VMCOREINFO that have no known form |
 * | `NOTE` | notes cut off by the end of their segment |
 * | `BAD_SECTION` | sections whose mem_map address is no kernel address |
 * | `NODE_OVERLAP` | pages that two memory nodes claim: kept |
 * | `VMCOREINFO_NOTE` | a VMCOREINFO note that memory contradicts, or that leads to no kernel: another note or a text in memory was taken |
 * | `VMCOREINFO_DEVICE` | an entry of QEMU's vmcoreinfo device that leads to no note |
 * | `SEVERAL_KERNELS` | VMCOREINFO of more than one kernel is in memory |
 * | `PAGE_SIZE_GUESSED` | no VMCOREINFO tells the page size |
 * | `LOG_RECORDS` | records of the kernel log that the dump does not have whole |
 * | `PRIVACY_GAP` | where `--privacy` could not look for the kernel's own pages: they are dropped; what `--privacy-extra` names and could not be reached: it stays |
 * | `ERASE_UNREACHABLE` | data of an erase rule that could not be reached: what is behind was not erased |
 * | `ADDRESSES` | ELF output: virtual addresses of an ELF input that are not those of the kernel's page tables (replaced), or that could not be checked (kept) |
 * | `NO_ADDRESSES` | ELF output without virtual addresses: the kernel's page tables were not found; gdb reads nothing of it |
 * | `REGISTERS` | a dump without notes of CPUs: some of them left registers in memory and others did not |
 * | `SEVERAL_SNAPSHOTS` | disk images with several saved machines: the newest was taken |
 * | `UNPLACED_MEMORY` | memory of a virtual machine whose addresses its file does not have: left out |
 * | `PAGE_TABLES` | the kernel's top page table is lost: that of a process is used, or the kernel's image alone |
 * | `INCOMPLETE` | the input is marked as incomplete by its writer |
 * | `INPUT_CHANGED` | the memory of a machine that runs (/proc/kcore, bare memory that was written to while it was read): pages are of different moments |
 * | `NEXT_LEVEL` | the output had no room at a level: the next of the levels named was taken |
 * | `NOT_WRITTEN` | pages for which the output had no room |
 * | `MORE_BYTES` | streams and packed files that go on behind the end that their headers state: that was not read |
 * | `CUT_OFF` | with `salvage`: files that end too early |
 * | `MISSING_PAGES` | with `salvage`: pages that are not in the file: left out |
 * | `BAD_PAGES` | with `salvage`: pages that cannot be read or decoded: left out |
 */
export type WarningCode =
  | "MEM_MAP_UNREADABLE"
  | "FREE_ORDER"
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
  | "INCOMPLETE"
  | "INPUT_CHANGED"
  | "NEXT_LEVEL"
  | "NOT_WRITTEN"
  | "MORE_BYTES"
  | "CUT_OFF"
  | "MISSING_PAGES"
  | "BAD_PAGES";

/** One kind of warning with how often it occurred. */
export interface DumpWarning {
  readonly code: WarningCode;
  /** One line that may be shown anywhere: what a dump brought into it is escaped. */
  readonly message: string;
  /** Pages, lines or notes concerned: the message says which. */
  readonly count: number;
}

/** A warning about a file, in parts: one of its kind's readers may know the file already. A `DumpError` is one, too. */
export interface WarningParts {
  /** The whole line. */
  readonly summary: string;
  /** The line without the file and the place in it. */
  readonly reason: string;
}

/** The parts of a warning about `file`. */
export function ofFile(file: string, reason: string): WarningParts {
  return { summary: `${file}: ${reason}`, reason };
}

/** How warnings are taken. */
export interface WarningsOptions {
  /** Each warning is an error. */
  readonly strict?: boolean;
}

/** The one channel of warnings of a run: collects them by code, or throws under `strict`. */
export class Warnings {
  readonly #byCode = new Map<WarningCode, DumpWarning>();
  readonly #reasons = new Map<WarningCode, string>();
  readonly #strict: boolean;

  constructor(options: WarningsOptions = {}) {
    checkGiven(options, { strict: maybe(aFlag) });
    this.#strict = options.strict ?? false;
  }

  /** Adds `count` cases; the first message of a code is the one shown. Throws a `STRICT` error when strict. */
  add(code: WarningCode, what: string | WarningParts, count = 1): void {
    const message = inWords(typeof what === "string" ? what : what.summary);
    if (this.#strict) {
      throw new DumpError("STRICT", `${message} [${code}]`, { cure: `Without ${OPTION.strict} the run would go on` });
    }
    const known = this.#byCode.get(code);
    if (known === undefined)
      this.#reasons.set(code, foreignText(inWords(typeof what === "string" ? what : what.reason)));
    this.#byCode.set(code, {
      code,
      message: known?.message ?? foreignText(message),
      count: (known?.count ?? 0) + count,
    });
  }

  /** Adds all that another channel has. Throws a `STRICT` error when strict. */
  addAll(other: Warnings): void {
    for (const { code, message, count } of other.list) {
      this.add(code, { summary: message, reason: other.reasonOf(code) ?? message }, count);
    }
  }

  /** Remembers what there is; the function returned forgets all that came later. */
  mark(): () => void {
    const before = new Map(this.#byCode);
    return () => {
      this.#byCode.clear();
      for (const [code, warning] of before) this.#byCode.set(code, warning);
    };
  }

  /** The message of a code, without the file that it is about; `undefined` if there was no such warning. */
  reasonOf(code: WarningCode): string | undefined {
    return this.#byCode.has(code) ? this.#reasons.get(code) : undefined;
  }

  get list(): readonly DumpWarning[] {
    return [...this.#byCode.values()];
  }
}

/** The `warnings` of options. */
export const aWarnings = maybe(suchThat((value) => value instanceof Warnings, "new Warnings()"));
