import { CLASS_FACTS, FACT } from "../kernel/page/page-facts.js";
import { CACHE, CACHE_PRIVATE, FREE, HWPOISON, KEPT, OFFLINE, USER } from "./page-classes.js";
import type { Policy } from "./policy.js";

/**
 * The class that a policy gives a page with these facts (`FACT`); `KEPT` if it stays. The order of tests is makedumpfile's:
 * 1. free pages; 2. unaccepted memory; 3. page cache; 4. user pages; 5. pages with memory errors; 6. offline pages. A page
 * whose class the policy keeps is tested on: a poisoned user page is user data when user data go, else hwpoison.
 */
export function classOf(facts: number, policy: Policy): number {
  if (policy.free && (facts & (FACT.free | FACT.unaccepted)) !== 0) return FREE;
  const found = singlePageClass(facts, policy);
  const cached = found === CACHE || found === CACHE_PRIVATE;
  return policy.user && (facts & FACT.hugetlb) !== 0 && !cached ? USER : found;
}

/** The same of a page that is no block: by the facts in `CLASS_FACTS` alone. */
function singlePageClass(facts: number, policy: Policy): number {
  const slab = (facts & FACT.slab) !== 0;
  const anon = (facts & FACT.anon) !== 0 && !slab;
  const hasPrivate = (facts & FACT.hasPrivate) !== 0;
  const dropsCache = policy.cachePrivate || (policy.cache && !hasPrivate);
  if (dropsCache && (facts & FACT.cached) !== 0 && !anon) return hasPrivate ? CACHE_PRIVATE : CACHE;
  if (policy.user && anon) return USER;
  if ((facts & FACT.poisoned) !== 0) return HWPOISON;
  return (facts & FACT.offline) !== 0 && !slab ? OFFLINE : KEPT;
}

/** The classes of single pages, indexed by the facts in `CLASS_FACTS`: what the module of pass 1 looks them up in. */
export function classTable(policy: Policy): Uint8Array {
  return Uint8Array.from({ length: CLASS_FACTS + 1 }, (_, facts) => singlePageClass(facts, policy));
}
