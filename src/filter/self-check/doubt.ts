import { type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import type { Dump } from "../../reader/dump.js";
import { marksFreePages } from "../free-lists.js";
import type { Policy } from "../policy.js";
import { freeBlockEvidence } from "./free-blocks.js";
import { missingFacts } from "./missing-facts.js";
import { BLOCKS_LIMIT, PLACED_LIMIT } from "./self-check.js";
import { fails } from "./share.js";

/** Asks for every fact there is: those that tell both kinds of page cache apart, too. */
const ALL_FACTS: Policy = { zero: true, cache: true, cachePrivate: false, user: true, free: true };

/**
 * Why a VMCOREINFO text is not quite believed although it leads to a kernel: it lacks facts that every kernel tells, or the
 * blocks on the kernel's free lists are not as it says. `undefined` if nothing speaks against it. Costs three reads per zone and
 * two per block of some; no struct pages are sampled.
 */
export function doubtOf(dump: Dump, view: KernelView): string | undefined {
  const missing = missingFacts(view.layout, ALL_FACTS);
  if (missing.length > 0) return `it lacks ${missing.map(({ name }) => name).join(", ")}`;
  const kernel = viewMemory(dump, view);
  if (kernel === undefined || !marksFreePages(view.layout)) return undefined;
  const blocks = freeBlockEvidence(kernel, view.memMap, view.layout);
  if (blocks === undefined) return undefined;
  const { least, share } = BLOCKS_LIMIT;
  const { placed, marked, clean } = blocks;
  const bad = fails(placed, least, PLACED_LIMIT) ? placed : [marked, clean].find((one) => fails(one, least, share));
  return bad && `only ${bad.right} of ${bad.cases} ${bad.rule}`;
}
