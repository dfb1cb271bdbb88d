import { CLASS_FACTS, FACT } from "../kernel/page/page-facts.js";
import { CACHE, CACHE_PRIVATE, HWPOISON, KEPT, OFFLINE, USER } from "./page-classes.js";
import type { Policy } from "./policy.js";

/**
 * The class that a policy gives a page with these facts (those of `CLASS_FACTS`); `KEPT` if it is kept. The order of
 * tests is makedumpfile's: 1. page cache; 2. user pages; 3. pages with memory errors; 4. offline pages. If the policy
 * keeps a class, the later tests follow: a poisoned user page counts as user data if user data are dropped, otherwise
 * as hwpoison. The module handles blocks: free and unaccepted memory, which it tests before, and hugetlb, whose pages
 * are user data if they are not page cache.
 */
function classOf(facts: number, policy: Policy): number {
  const slab = (facts & FACT.slab) !== 0;
  const anon = (facts & FACT.anon) !== 0 && !slab;
  const hasPrivate = (facts & FACT.hasPrivate) !== 0;
  const dropsCache = policy.cachePrivate || (policy.cache && !hasPrivate);
  if (dropsCache && (facts & FACT.cached) !== 0 && !anon) return hasPrivate ? CACHE_PRIVATE : CACHE;
  if (policy.user && anon) return USER;
  if ((facts & FACT.poisoned) !== 0) return HWPOISON;
  return (facts & FACT.offline) !== 0 && !slab ? OFFLINE : KEPT;
}

/** The classes of pages by the facts in `CLASS_FACTS`: the lookup table of the module of pass 1. */
export function classTable(policy: Policy): Uint8Array {
  return Uint8Array.from({ length: CLASS_FACTS + 1 }, (_, facts) => classOf(facts, policy));
}
