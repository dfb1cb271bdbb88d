import { DumpError } from "../../errors.js";
import type { KernelView } from "../../kernel/kernel-view.js";
import type { Dump } from "../../reader/dump.js";
import type { GivenFile } from "../../reader/source/side-file.js";
import { Warnings } from "../../warnings.js";
import type { PrivacyExtra } from "./privacy-names.js";
import { type PrivacyView, privacyView } from "./privacy-view.js";
import { type ScrubSearch, type ScrubWith, scrub } from "./scrub.js";

/** What a run with `--privacy` knows of whole pages. */
export interface PrivatePages {
  /** The search for what is overwritten within pages. Must be closed. */
  readonly scrubbing: ScrubSearch;
  readonly pages: ReturnType<typeof privacyView>;
}

/**
 * Finds everything that decides which pages a run with `--privacy` keeps. Whoever needs that view takes it from here: a
 * check that knew less than the run would find pages lost. Throws `CANNOT_FILTER`.
 */
export function privatePages(
  dump: Dump,
  view: KernelView,
  extras: readonly PrivacyExtra[],
  given: ScrubWith,
  warnings: Warnings,
): PrivatePages {
  const scrubbing = scrub(dump, view, extras, given, warnings);
  try {
    const observe = given.strict && { observe: given.strict.plan.observe };
    return { scrubbing, pages: privacyView(dump, view, scrubbing.stackTops?.pages, { ...scrubbing, ...observe }) };
  } catch (error) {
    scrubbing.close();
    throw error;
  }
}

/** The view by which a run with `--privacy` chose the pages of this dump; `undefined` if it would have been refused. */
export function privacyViewOfRun(
  dump: Dump,
  view: KernelView,
  vmlinux: GivenFile | undefined,
): PrivacyView | undefined {
  try {
    const { pages, scrubbing } = privatePages(dump, view, [], { vmlinux, strict: undefined }, new Warnings());
    scrubbing.close();
    return pages.view;
  } catch (error) {
    if (error instanceof DumpError && error.code === "CANNOT_FILTER") return undefined;
    throw error;
  }
}
