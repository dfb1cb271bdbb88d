import type { EraseSpans } from "../erase/spans.js";
import type { PagePlan } from "../plan.js";
import type { ScrubCount } from "./privacy-result.js";
import type { Scrubbed } from "./scrubbed.js";

/** What a run with `--privacy` overwrites in kept pages. */
export interface Scrub {
  /** For the threads: empty, or lists of spans. */
  readonly spans: readonly EraseSpans[];
  /** The kinds that could be searched for. */
  readonly reached: ReadonlySet<Scrubbed>;
  /** Whether symbols and types were found. */
  readonly typed: boolean;
  /** What could not be searched for, in words, for `remains`. */
  readonly gaps: readonly string[];
  /** Those of them that are in the kernel's image, or may be, which `strict` does not test word by word. */
  readonly imageGaps: readonly string[];
  /** What was not found, and is dropped for that, though it is the kernel's. */
  readonly lost: readonly string[];
  counts(plan: Pick<PagePlan, "kept" | "maxMapnr">): Partial<Record<Scrubbed, ScrubCount>>;
}
