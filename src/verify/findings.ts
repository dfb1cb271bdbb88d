import { inWords } from "../option-words.js";

/**
 * What can be wrong with a dump. Each kind is stable.
 *
 * | finding | meaning |
 * |---|---|
 * | `header` | a header cannot be used, or contradicts another part of the dump |
 * | `cut-off` | the file ends before data that its headers describe |
 * | `incomplete` | its writer marked the dump incomplete |
 * | `bitmap` | impossible bits in the page bitmaps: pages with data that do not exist, or bits behind the last page |
 * | `missing-page` | a page that should be there is not in the file |
 * | `descriptor` | a page descriptor leads nowhere |
 * | `overlap` | two pages claim the same bytes, or two segments have different bytes for one page |
 * | `bad-page` | page data cannot be read or decoded |
 * | `note` | notes are cut off, or contradict the header |
 * | `vmcoreinfo` | VMCOREINFO has lines that no kernel writes, or lacks the kernel's release |
 * | `kernel` | the kernel is not found where VMCOREINFO says, or its name differs from the header's |
 * | `symbol` | an address in VMCOREINFO leads nowhere, or its page is not in the dump (a page in a segment of a complete ELF file reads as zeros, and is no finding) |
 * | `address` | a segment of an ELF file has another virtual address than the kernel's page tables: gdb would read other memory |
 * | `different-page` | a page's bytes are not the original's, and were not erased |
 * | `unknown-page` | the original does not have this page |
 * | `lost-page` | a page of the original is missing, and the dump level does not explain it |
 * | `manifest` | the dump, or its original, is not what the manifest says |
 * | `audit` | the dump is not the one that was audited, or the audit found something |
 * | `signature` | a manifest or the result of an audit is not signed with this key |
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
  readonly #list: Finding[] = [];
  readonly #counts = new Map<FindingKind, number>();
  readonly #shown = new Map<FindingKind, number>();

  /** `limit`: the most findings of each kind that are kept. */
  constructor(private readonly limit: number) {}

  /** Whether a finding of that kind would only be counted. */
  full(kind: FindingKind): boolean {
    return (this.#shown.get(kind) ?? 0) >= this.limit;
  }

  /** `count`: the number of faults that the finding stands for; 0 if they were counted already. */
  add(finding: Finding, count = 1): void {
    const { kind } = finding;
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
    if (this.full(kind)) return;
    this.#shown.set(kind, (this.#shown.get(kind) ?? 0) + 1);
    this.#list.push({ ...finding, message: inWords(finding.message) });
  }

  /** Adds to a count, without a finding. */
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
