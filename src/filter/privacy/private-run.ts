import { DumpError } from "../../errors.js";
import type { Dump } from "../../reader/dump.js";
import type { Warnings } from "../../warnings.js";
import type { KernelView } from "../kernel-view.js";
import type { Policy, ScanPolicy } from "../policy.js";
import { MAX_LEVEL } from "../policy.js";
import type { KernelPages } from "./kernel-pages.js";
import { type PrivacyResult, privacyResult } from "./privacy-result.js";
import { privacyView, refused } from "./privacy-view.js";
import { withoutPrivateNotes } from "./private-notes.js";

/** What `--privacy` makes of a run. */
export interface PrivateRun {
  readonly policy: ScanPolicy;
  /** The dump with notes that are safe to carry over. */
  readonly dump: Dump;
  /** The account, out of the run's counts by class number. */
  result(counts: ArrayLike<number>): PrivacyResult;
}

/** Throws `BAD_OPTION` if a level was asked for that keeps user data. */
export function checkPrivateLevel(level: number): void {
  if (level === MAX_LEVEL) return;
  throw new DumpError(
    "BAD_OPTION",
    `--privacy drops all that level ${MAX_LEVEL} drops, but level ${level} was asked for`,
    {
      cure: "Leave -d and --exclude away",
    },
  );
}

/**
 * Prepares a run with `--privacy`. `usable` is what is left of the level's policy after the dump was checked: if it is
 * less, the struct pages do not say what they should, and no page can be vouched for. Throws `CANNOT_FILTER`.
 */
export function privateRun(dump: Dump, view: KernelView | undefined, usable: Policy, warnings: Warnings): PrivateRun {
  if (view === undefined) throw refused(dump, "--privacy needs the kernel's struct pages, which were not found");
  const lost = Object.entries(usable).filter(([, on]) => on === false);
  if (lost.length > 0) {
    const names = lost.map(([name]) => name).join(", ");
    throw refused(dump, `--privacy needs every class of level ${MAX_LEVEL}, and these cannot be told here: ${names}`);
  }
  const { view: privacy, pages } = privacyView(dump, view);
  for (const gap of pages.gaps) {
    warnings.add(
      "PRIVACY_GAP",
      `--privacy could not look through ${gap}; what nothing else shows to be the kernel's is dropped`,
    );
  }
  const { noteArea, cleared } = withoutPrivateNotes(dump);
  return {
    policy: { ...usable, privacy },
    dump: { ...dump, noteArea },
    result: (counts) => privacyResult(pages, counts, cleared, remains(pages)),
  };
}

/** What may still hold users' data: docs/privacy.md explains each. */
function remains(_pages: KernelPages): readonly string[] {
  return [
    "slab pages: names of files, small socket buffers, keys and other data that the kernel keeps in its own objects",
    "kernel stacks: copies in progress, and the registers of programs at their entry into the kernel",
    "the kernel's log, command lines of modules, host name",
  ];
}
