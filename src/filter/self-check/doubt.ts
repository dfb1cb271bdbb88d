import { type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import type { Dump } from "../../reader/dump.js";
import { marksFreePages } from "../free-lists.js";
import type { Policy } from "../policy.js";
import { freeBlockEvidence } from "./free-blocks.js";
import { BLOCKS_LIMIT, missingFacts, PLACED_LIMIT } from "./self-check.js";
import { fails } from "./share.js";

/** Requires every fact, including those that distinguish the two kinds of page cache. */
const ALL_FACTS: Policy = { zero: true, cache: true, cachePrivate: false, user: true, free: true };

/**
 * Why a VMCOREINFO text is doubtful although it leads to a kernel: facts that every kernel exports are missing, or the
 * blocks on the kernel's free lists do not agree with it. `undefined` if there is no doubt. Costs three reads per zone
 * and two per block of some zones; does not sample struct pages.
 */
export function doubtOf(dump: Dump, view: KernelView): string | undefined {
  const missing = missingFacts(view.layout, ALL_FACTS);
  if (missing.length > 0) return `it lacks ${missing.map(({ name }) => name).join(", ")}`;
  const [impossible] = view.layout.impossible;
  if (impossible !== undefined) return `it has ${impossible.what}, which is impossible`;
  const kernel = viewMemory(dump, view);
  if (kernel === undefined || !marksFreePages(view.layout)) return undefined;
  const blocks = freeBlockEvidence(kernel, view.memMap, view.layout);
  if (blocks === undefined) return undefined;
  const { least, share } = BLOCKS_LIMIT;
  const { placed, marked, clean } = blocks;
  const bad = fails(placed, least, PLACED_LIMIT) ? placed : [marked, clean].find((one) => fails(one, least, share));
  return bad && `only ${bad.right} of ${bad.cases} ${bad.rule}`;
}
