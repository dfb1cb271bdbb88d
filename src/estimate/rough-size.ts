import type { Codec } from "../codec/codecs.js";
import { KEPT } from "../filter/page-classes.js";
import { MAX_LEVEL, policyOfLevel } from "../filter/policy.js";
import { countBits, nextRun, type PageBitmap, runsFrom } from "../reader/bitmap.js";
import { checkedPlan, classify } from "../run/classify.js";
import type { Session } from "../run/own-session.js";
import { Warnings } from "../warnings.js";
import { ownScanner } from "../worker/own-scanner.js";
import { dumpFacts } from "../writer/collect-facts.js";
import { drawSorted } from "./bounds.js";
import { levelEstimate } from "./estimate-dump.js";
import { samplePages } from "./sample-pages.js";

/** Pages to compress: the size is then right to 5 % on most dumps. */
const SAMPLE_PAGES = 1024;

/**
 * Bytes of the dump at level 31, without the notes that a run adds: what `estimateDump` says with so many pages, with one
 * pass over the struct pages, a sample of the kept pages alone, and no thread. Throws what a filter run throws.
 */
export async function roughSize(session: Session, codec: Codec, signal?: AbortSignal): Promise<number | undefined> {
  const { dump } = session;
  const { view, policy, plan } = checkedPlan({ ...session, warnings: new Warnings() }, policyOfLevel(MAX_LEVEL));
  if (view === undefined) return undefined;
  const { space, memMap, layout: pageLayout } = view;
  const { pool } = await classify({
    ...{ dump, view, plan, policy, warnings: new Warnings() },
    poolOf: (policy) => ownScanner(dump, plan.kept, { space, memMap, pageLayout, policy }, signal),
  });
  await pool.end();
  const pages = countBits(plan.kept, 0, plan.maxMapnr);
  // Seeded, so that the same dump always gets the same estimate.
  const pfns = placesOf(plan.kept, plan.maxMapnr, drawSorted(SAMPLE_PAGES, pages, KEPT + 1));
  const sizes = await samplePages(dump, pfns, [codec], signal, () => undefined);
  const facts = dumpFacts(dump, view, plan, MAX_LEVEL | dump.header.dumpLevel, "kdump");
  return levelEstimate(MAX_LEVEL, facts, [{ number: KEPT, pages, sizes }], [codec]).sizes[0]?.bytes;
}

/** The pfns of kept pages by their numbers among them, which ascend. */
function placesOf(kept: PageBitmap, maxMapnr: number, ordinals: Float64Array): Float64Array {
  const pfns = new Float64Array(ordinals.length);
  let at = 0;
  let before = 0;
  for (const run = runsFrom(0); at < ordinals.length && nextRun(kept, run, maxMapnr); before += run.end - run.start) {
    for (; (ordinals[at] as number) < before + run.end - run.start; at++) {
      pfns[at] = run.start + (ordinals[at] as number) - before;
    }
  }
  return pfns;
}
