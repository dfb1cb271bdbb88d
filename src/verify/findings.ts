import { inWords } from "../option-words.js";

/**
 * What can be wrong with a dump. Each kind is stable.
 *
 * | kind | meaning |
 * |---|---|
 * | `header` | a header cannot be used, or contradicts another part of the dump |
 * | `cut-off` | the file ends before data that its headers describe |
 * | `incomplete` | its writer marked the dump incomplete |
 * | `bitmap` | bits of the page bitmaps that cannot be |
 * | `missing-page` | a page that should be there has no data |
 * | `descriptor` | a page descriptor that leads nowhere |
 * | `overlap` | bytes of the file that two different pages claim, or two segments with different bytes for one page |
 * | `bad-page` | page data that do not decode |
 * | `note` | notes that are cut off or contradict the header |
 * | `vmcoreinfo` | VMCOREINFO lines that no kernel writes |
 * | `kernel` | the kernel is not found where VMCOREINFO says |
 * | `symbol` | addresses of VMCOREINFO that lead nowhere |
 * | `address` | a segment of an ELF file has a virtual address that the kernel's page tables do not have |
 * | `different-page` | a page whose bytes are not the original's |
 * | `unknown-page` | a page that the original does not have |
 * | `lost-page` | a page of the original that is missing, and that the dump level does not explain |
 * | `manifest` | the dump, or its original, is not what the manifest of its run says |
 * | `audit` | the dump is not the one that was audited, or the audit found something |
 * | `signature` | a manifest or an audit's result is not signed by the owner of the key |
 */
export type FindingKind =
  | "header"
  | "cut-off"
  | "incomplete"
  | "bitmap"
  | "missing-page"
  | "descriptor"
  | "overlap"
  | "bad-page"
  | "note"
  | "vmcoreinfo"
  | "kernel"
  | "symbol"
  | "address"
  | "different-page"
  | "unknown-page"
  | "lost-page"
  | "manifest"
  | "audit"
  | "signature";

/** One thing that is wrong. */
export interface Finding {
  readonly kind: FindingKind;
  readonly message: string;
  readonly file?: string;
  /** Byte offset in that file. */
  readonly offset?: number;
  readonly pfn?: number;
}

/** Collects findings: counts all of them, and keeps the first of each kind. */
export class Findings {
  readonly #limit: number;
  readonly #list: Finding[] = [];
  readonly #counts = new Map<FindingKind, number>();
  readonly #shown = new Map<FindingKind, number>();

  /** `limit`: findings kept of each kind. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether a finding of that kind would only be counted. */
  full(kind: FindingKind): boolean {
    return (this.#shown.get(kind) ?? 0) >= this.#limit;
  }

  /** `count`: how many of its kind it stands for; 0 for one that has been counted already. */
  add(finding: Finding, count = 1): void {
    const { kind } = finding;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
    if (this.full(kind)) return;
    this.#shown.set(kind, (this.#shown.get(kind) ?? 0) + 1);
    this.#list.push({ ...finding, message: inWords(finding.message) });
  }

  /** Adds to a count without a finding of its own. */
  count(kind: FindingKind, count = 1): void {
    if (count > 0) this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
  }

  get list(): readonly Finding[] {
    return this.#list;
  }

  get counts(): Readonly<Partial<Record<FindingKind, number>>> {
    return Object.fromEntries(this.#counts);
  }
}
