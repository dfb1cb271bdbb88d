import type { ClassCounts, KEPT_REASONS } from "../page-classes.js";
import type { PrivacyResult } from "./privacy-result.js";

/** Why pages stay, in pages. Together they are the pages that are kept: what was taken away again is negative. */
export interface KeptReasons extends Readonly<Record<(typeof KEPT_REASONS)[number], number>> {
  /** Pages of zeros among them, which have no bytes in the output. */
  readonly zeros: number;
  /** What an extension, or leaving out unused struct pages, changed afterwards. */
  readonly later: number;
}

/** The reasons of a run with `--privacy`, for people, who add them up. */
export function keptReasons(privacy: PrivacyResult, classes: ClassCounts): KeptReasons {
  const { reserved, slab, known, stack, percpu } = privacy;
  const sum = reserved + slab + known + stack + percpu;
  return { reserved, slab, known, stack, percpu, zeros: 0 - classes.zero, later: classes.kept + classes.zero - sum };
}
