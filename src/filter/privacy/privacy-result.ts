import { KEPT_FROM, KEPT_REASONS } from "../page-classes.js";
import type { KernelPageCounts, KernelPages } from "./kernel-pages.js";
import type { Scrubbed } from "./scrubbed.js";

/** How much of one kind was overwritten. */
export interface ScrubCount {
  readonly objects: number;
  /** Bytes in pages of the output. */
  readonly bytes: number;
}

/**
 * What a run with `--privacy` kept and why, in pages, and what it cannot guarantee. Pages of zeros, which are found
 * later, count for their reason here, and as `zero` in the result's classes.
 */
export interface PrivacyResult {
  /** Pages kept because of their struct page. */
  readonly reserved: number;
  readonly slab: number;
  /**
   * Pages kept because the kernel's page tables or their content show that they are its own: the pages of `found` that
   * are not reserved or slab.
   */
  readonly known: number;
  /** Stacks and per-CPU memory in the direct map. */
  readonly stack: number;
  readonly percpu: number;
  /** What was found in page tables, before the comparison with struct pages. */
  readonly found: KernelPageCounts;
  /**
   * What was overwritten with zeros in kept pages, by kind, for all kinds that were searched for, also those that were
   * not found.
   */
  readonly overwritten: Readonly<Partial<Record<Scrubbed, ScrubCount>>>;
  /**
   * With `privacy: "strict"`: bytes in kept pages that were set to 0, in addition to `overwritten`. Not counted in a
   * run of several shards.
   */
  readonly strict?: { readonly bytes: number | undefined };
  /** Notes whose content was overwritten: floating-point registers, device dumps, registers of CPUs in user mode. */
  readonly clearedNotes: number;
  /** Where users' data may remain, and what was not searched for. Sentences for people. */
  readonly remains: readonly string[];
}

/** Makes the result from the run's counts by class number. */
export function privacyResult(
  pages: KernelPages,
  counts: ArrayLike<number>,
  clearedNotes: number,
  overwritten: PrivacyResult["overwritten"],
  remains: readonly string[],
): PrivacyResult {
  const reasons = Object.fromEntries(KEPT_REASONS.map((name, i) => [name, counts[KEPT_FROM + i] ?? 0]));
  const kept = reasons as Readonly<Record<(typeof KEPT_REASONS)[number], number>>;
  return { ...kept, found: pages.counts, overwritten, clearedNotes, remains };
}
