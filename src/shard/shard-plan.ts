import type { Codec } from "../codec/codecs.js";
import type { EraseSpans } from "../filter/erase/spans.js";
import type { StackTops } from "../filter/privacy/stack-tops.js";
import type { StrictPages } from "../filter/privacy/strict/strict-pages.js";
import { packageVersion } from "../package-version.js";
import { countBits, type PageBitmap } from "../reader/bitmap.js";
import { asPieces, type BitmapPieces } from "../reader/bitmap-pieces.js";
import type { FilterResult } from "../run/filter-types.js";
import type { PlannedDump } from "../run/plan-dump.js";
import { checkClass, elfLayout } from "../writer/elf-layout.js";
import { describeOutput, type OutputDescription } from "../writer/output-description.js";
import { splitRanges } from "../writer/split-ranges.js";
import { codecFingerprint } from "./codec-fingerprint.js";
import type { InputIdentity } from "./input-identity.js";
import { MAX_SHARDS } from "./shard-limits.js";

/** Pages [startPfn, endPfn) that one job encodes. */
export interface ShardRange {
  readonly startPfn: number;
  readonly endPfn: number;
  /** Number of pages in the range that go into the output. */
  readonly pages: number;
}

/**
 * Everything that hosts need to write one output together. Made once, by pass 1; nothing in it depends on which host
 * writes what. The same version makes the same plan again from the same dump, options and number of shards.
 */
export interface ShardPlan {
  /**
   * The version of this program that made the plan. Another version may encode a page, or lay out the file,
   * differently.
   */
  readonly program: string;
  readonly input: readonly InputIdentity[];
  readonly pageSize: number;
  readonly maxMapnr: number;
  readonly codec: Codec;
  /** Digest of the planner's codec for a sample: another library may give other bytes. */
  readonly fingerprint: string;
  readonly dropsZeros: boolean;
  readonly output: OutputDescription;
  readonly shards: readonly ShardRange[];
  /** Number of pages that go into the output. */
  readonly kept: number;
  /** The pages that are memory of the machine. Only the finishing job needs it, and only to write it: it is 32 MiB for each TiB. */
  readonly exists: BitmapPieces;
  readonly keptBits: PageBitmap;
  readonly erase: readonly EraseSpans[];
  readonly stackTops: StackTops | undefined;
  /** What `--privacy strict` keeps in pages. */
  readonly strict: StrictPages | undefined;
  /** The run's result, as if it had found no page of zeros and written nothing. */
  readonly result: FilterResult;
}

/** A plan whose bitmap of kept pages may be in its staging only: the finishing job writes it, and does not need it otherwise. */
export interface FinishPlan extends Omit<ShardPlan, "keptBits"> {
  readonly keptBits: PageBitmap | BitmapPieces;
}

/**
 * Makes the plan of a run with `shards` shards of about the same number of kept pages, which is about the same work.
 * Throws `UNSUPPORTED` for memory that a 32-bit ELF file cannot describe.
 */
export function shardPlan(
  planned: PlannedDump,
  input: readonly InputIdentity[],
  { format, codec }: { readonly format: "kdump" | "elf"; readonly codec: Codec },
  shards: number,
): ShardPlan {
  const { dump, plan, kept, dropsZeros, erase, stackTops, strict } = planned;
  // Left out, because it depends on how the planner read, and does not include what the shards read: two plans of one
  // dump must be the same.
  const { fetched: _, ...result } = planned.result({ zeroPages: 0, outputBytes: 0 });
  const output = describeOutput(planned, format, codec.name);
  if (output.elf !== undefined) checkClass(elfLayout(output.facts, output.elf, plan.kept));
  return {
    program: packageVersion(),
    ...{ input, codec, dropsZeros, kept, erase, stackTops, strict },
    pageSize: dump.pageSize,
    maxMapnr: plan.maxMapnr,
    fingerprint: codecFingerprint(codec, dump.pageSize),
    output,
    shards: splitRanges(plan.kept, plan.maxMapnr, shards)
      .map((range) => ({ ...range, pages: countBits(plan.kept, range.startPfn, range.endPfn) }))
      .filter((range, i) => range.pages > 0 || i === 0),
    exists: asPieces(plan.exists),
    keptBits: plan.kept,
    result,
  };
}

/**
 * Pages of a shard if the number of shards is not given: from 64 MiB to 1 GiB of 4 KiB pages, which takes some seconds
 * of a core or two. The unit is pages: of 64 KiB pages it is 16 times as much.
 */
const LEAST_PAGES = 2 ** 14;
/**
 * In a store a shard leaves up to a part at each end, which crosses the network three times: of 256 MiB of 4 KiB
 * pages that is a tenth, of 64 MiB nearly a half.
 */
const LEAST_PAGES_IN_STORE = 2 ** 16;
const MOST_PAGES = 2 ** 18;
/** Several, so that workers end at about the same time, even if one is slower or its pages are. */
const SHARDS_PER_WORKER = 4;

/** A single worker has nobody to wait for: each shard would only cost it. */
function wantedBy(workers: number | undefined): number {
  return workers === 1 ? 1 : SHARDS_PER_WORKER * (workers ?? 1);
}

/** The default number of shards of a run; `undefined` workers if nobody knows how many there will be. */
export function automaticShards(kept: number, workers: number | undefined, isInStore: boolean): number {
  const wanted = Math.max(wantedBy(workers), Math.ceil(kept / MOST_PAGES));
  const least = isInStore ? LEAST_PAGES_IN_STORE : LEAST_PAGES;
  return Math.max(1, Math.min(MAX_SHARDS, wanted, Math.ceil(kept / least)));
}
