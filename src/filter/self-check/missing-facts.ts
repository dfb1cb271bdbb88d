import type { PageLayout } from "../../kernel/page/page-layout.js";
import type { Policy } from "../policy.js";

/** A name that VMCOREINFO lacks although the level needs it. */
export interface MissingFact {
  readonly name: string;
  /** What is kept because of that, in words. */
  readonly kept: string;
  /** Classes that must not be dropped. */
  readonly classes: readonly ("cache" | "cachePrivate" | "user")[];
}

/**
 * What the level needs and the layout does not have in any form. Facts that a kernel may lack because of its
 * configuration (memory errors, hugetlb, offline pages) do not count, nor does the mark of free pages, because the free
 * lists can replace it.
 */
export function missingFacts({ bit, type, headMask, order }: PageLayout, policy: Policy): MissingFact[] {
  const cache = policy.cache || policy.cachePrivate;
  const missing: MissingFact[] = [];
  if (cache && bit.lru === undefined) {
    missing.push({ name: "NUMBER(PG_lru)", kept: "page cache", classes: ["cache", "cachePrivate"] });
  }
  if (policy.cache && !policy.cachePrivate && bit.private === undefined) {
    missing.push({ name: "NUMBER(PG_private)", kept: "page cache", classes: ["cache"] });
  }
  if ((cache || policy.user) && headMask === undefined) {
    missing.push({ name: "NUMBER(PG_head_mask)", kept: "huge pages but for their first page", classes: [] });
  } else if ((cache || policy.user) && order === undefined) {
    const name = "OFFSET(page.compound_order) or OFFSET(folio._folio_order)";
    missing.push({ name, kept: "huge pages but for their first page", classes: [] });
  }
  if (policy.user && bit.slab === undefined && type.slab === undefined) {
    const name = "NUMBER(PG_slab) or NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)";
    missing.push({ name, kept: "user memory, which kernel objects may look like", classes: ["user"] });
  }
  return missing;
}
