import type { KernelMemory } from "../../kernel/kernel-memory.js";
import { attachSpace, type KernelView, viewMemory } from "../../kernel/kernel-view.js";
import type { PageLayout } from "../../kernel/page/page-layout.js";
import { levelWords, OPTION } from "../../option-words.js";
import type { Dump } from "../../reader/dump.js";
import { countCpus } from "../../reader/notes.js";
import type { Warnings } from "../../warnings.js";
import { marksFreePages } from "../free-lists.js";
import { CACHE, CACHE_PRIVATE, FREE, HWPOISON, OFFLINE, USER } from "../page-classes.js";
import type { PagePlan } from "../plan.js";
import { LEVEL_BITS, type Policy } from "../policy.js";
import { freeBlockEvidence } from "./free-blocks.js";
import { countsAgree, freeCounters } from "./free-counters.js";
import { kernelPageEvidence } from "./kernel-pages.js";
import { CONFIRMED, type PageEvidence, pageEvidence } from "./page-samples.js";
import { sampleStructPages } from "./sample.js";
import { fails, type Share } from "./share.js";

/** Classes that may need a fact. */
type PageKind = "cache" | "cachePrivate" | "user" | "free";

/** A fact that does not agree with the dump's memory. */
interface Finding {
  /** The names in VMCOREINFO that may be wrong. */
  readonly names: string;
  /** What was found in memory. */
  readonly seen: string;
  /** Classes that cannot be recognised without it. */
  readonly classes: readonly PageKind[];
  /** Whether bits of page flags are doubtful, including that of memory errors. */
  readonly flags: boolean;
  /** Whether the number of pages of compound pages is unknown. */
  readonly orders?: boolean;
  /** Pages that are dropped at every level, and whose mark is doubtful. */
  readonly always?: keyof typeof ALWAYS;
}

/** What is dropped after the check, and with which layout. */
interface Checked {
  readonly policy: Policy;
  readonly view: KernelView;
}

const ALWAYS = { hwpoison: "pages with memory errors", offline: "offline pages" } as const;

const LABELS: Readonly<Record<PageKind, string>> = {
  cache: "page cache",
  cachePrivate: "page cache with private data",
  user: "user memory",
  free: "free pages",
};
const BITS: Readonly<Record<PageKind, number>> = {
  cache: LEVEL_BITS.cache,
  cachePrivate: LEVEL_BITS["cache-private"],
  user: LEVEL_BITS.user,
  free: LEVEL_BITS.free,
};
const ALL: readonly PageKind[] = ["cache", "cachePrivate", "user", "free"];
const BY_FLAGS: readonly PageKind[] = ["cache", "cachePrivate", "user"];
const CURE = `Give the VMCOREINFO of exactly the kernel that was dumped (${OPTION.vmcoreinfo}), or its debug information (${OPTION.vmlinux})`;
/**
 * The text is complete, or memory would have contained a better one. Only a source with more than the kernel exports
 * can help.
 */
const CURE_OF_MISSING = `Give the kernel's debug information (${OPTION.vmlinux}), which may have them`;

/**
 * On real dumps of 2 kernels on 8 machines, live and crashed, 97 to 100 of 100 cases follow each rule; with a wrong
 * fact, nearly none do. The limits of a quarter and a half are far from both, so memory that was copied while it
 * changed still passes.
 */
export const BLOCKS_LIMIT = { least: 8, share: 0.25 };
/** An entry that points back to its list is a struct page, even in memory that was copied while it changed. */
export const PLACED_LIMIT = 0.75;
const PAGES_LIMIT = 0.5;
/**
 * New pages wait for their LRU list in batches of 31 per CPU (15 before 6.11). A guest may have crashed before the
 * first batch was full.
 */
const LRU_BATCH = 31;
/** This many violations of a rule may always be chance. */
const FEW = 32;
/** Compound pages that are enough for a decision: the sample of any kernel has dozens. */
const HEADS = 16;
/** Pages of the kernel's own that may look like something else. */
const KERNEL_PAGES = 1;

/**
 * Compares what the filter assumes about struct pages with the dump's memory, before any page is dropped. For a fact
 * that is missing or wrong there is a warning, and the classes that need it are kept. The kernel version does not
 * matter, only the memory. Costs about 20 ms of CPU at the start of a run, when nothing is compiled yet (a dump of 5
 * GiB with two nodes), independent of the dump's size.
 */
export function selfCheck(dump: Dump, view: KernelView, policy: Policy, plan: PagePlan, warnings: Warnings): Checked {
  const missing = missingFacts(view.layout, policy);
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(", ");
    const kept = [...new Set(missing.map((one) => one.kept))].join("; ");
    warnings.add("FACT_MISSING", `VMCOREINFO lacks ${names}; kept: ${kept}. ${CURE_OF_MISSING}`, missing.length);
  }
  for (const { what, kept } of view.layout.impossible) {
    warnings.add("FACT_MISSING", `VMCOREINFO has ${what}, which is impossible; kept: ${kept}. ${CURE}`);
  }
  const findings = findingsOf(dump, view, policy, plan);
  const doubtful = [...missing, ...findings].flatMap(({ classes }) => classes);
  const kept = ALL.filter((kind) => policy[kind] && findings.some(({ classes }) => classes.includes(kind)));
  const doubts = (kind: keyof typeof ALWAYS) => findings.some(({ always }) => always === kind);
  const flags = findings.some((finding) => finding.flags) || doubts("hwpoison");
  const offline = doubts("offline");
  const orders = findings.some((finding) => finding.orders);
  const tails = orders && (policy.cache || policy.cachePrivate || policy.user);
  if (kept.length > 0 || tails || offline || (flags && view.layout.bit.hwpoison !== undefined)) {
    const others = [
      ...(tails ? ["huge pages but for their first page"] : []),
      ...(flags ? [ALWAYS.hwpoison] : []),
      ...(offline ? [ALWAYS.offline] : []),
    ];
    warnings.add("SELF_CHECK", describe(findings, kept, others, policy), findings.length);
  }
  const { bit, type } = view.layout;
  const layout = {
    ...view.layout,
    ...(orders ? { order: undefined } : {}),
    ...(flags ? { bit: { ...bit, hwpoison: undefined } } : {}),
    ...(offline ? { type: { ...type, offline: undefined } } : {}),
  };
  return { policy: without(policy, doubtful), view: flags || orders || offline ? { ...view, layout } : view };
}

function describe(
  findings: readonly Finding[],
  kept: readonly PageKind[],
  others: readonly string[],
  policy: Policy,
): string {
  const seen = findings.map((finding) => `${finding.names}: ${finding.seen}`).join("; ");
  const labels = [...kept.map((kind) => LABELS[kind]), ...others];
  const level = levelOf(without(policy, kept));
  const accept = kept.length === 0 ? "" : `, or accept what is left with ${levelWords(level)}`;
  return `VMCOREINFO does not fit the memory (${seen}); for that reason these are kept: ${labels.join(", ")}. ${CURE}${accept}`;
}

function findingsOf(dump: Dump, view: KernelView, policy: Policy, plan: PagePlan): Finding[] {
  const kernel = viewMemory(dump, view);
  if (kernel === undefined) return [];
  const { layout, memMap } = view;
  const findings: Finding[] = [];
  const find = (share: Share | undefined, bad: (share: Share) => boolean, finding: Omit<Finding, "seen">) => {
    if (share !== undefined && bad(share)) findings.push({ ...finding, seen: describeShare(share) });
  };
  const fewBlocks = (share: Share) => fails(share, BLOCKS_LIMIT.least, BLOCKS_LIMIT.share);
  const blocks = marksFreePages(layout) ? freeBlockEvidence(kernel, memMap, layout) : undefined;
  const misplaced = (share: Share) => fails(share, BLOCKS_LIMIT.least, PLACED_LIMIT);
  find(blocks?.placed, misplaced, {
    names: "SIZE(page) or the memory map",
    classes: ALL,
    flags: true,
  });
  const buddy = "PAGE_BUDDY_MAPCOUNT_VALUE, OFFSET(page._mapcount) or OFFSET(page.private)";
  find(blocks?.marked, fewBlocks, { names: buddy, classes: ["free"], flags: false });
  find(blocks?.clean, fewBlocks, { names: FLAG_NAMES, classes: BY_FLAGS, flags: true });

  const space = attachSpace(view.space, dump.memory);
  const sample = sampleStructPages(space, dump, memMap, layout, plan);
  const pages = pageEvidence(sample, layout, view.lowestAddress, plan.exists);
  find(pages.freeIsAligned, misplaced, { names: "SIZE(page) or the memory map", classes: ALL, flags: true });
  const chance = Math.max(FEW, LRU_BATCH * Math.max(dump.header.cpus, countCpus(dump.notes)));
  const fewPages = (share: Share) => fails(share, 1, PAGES_LIMIT) && share.cases - share.right > chance;
  const flagged = { names: FLAG_NAMES, classes: BY_FLAGS, flags: true };
  for (const rule of FLAG_RULES) find(pages[rule], fewPages, flagged);
  const errors = { names: "NUMBER(PG_hwpoison)", classes: [], flags: false, always: "hwpoison" } as const;
  find(pages.errorOffLru, fewPages, errors);
  const heads = { names: "PG_head_mask or OFFSET(page.compound_head)", classes: BY_FLAGS, flags: true };
  const fewHeads = (share: Share) => fails(share, HEADS, PAGES_LIMIT);
  find(pages.headBeforeTail, fewHeads, heads);
  find(pages.tailBehindHead, fewHeads, heads);
  const order = "OFFSET(page.compound_order), OFFSET(folio._folio_order) or, without them, OFFSET(page.flags)";
  find(pages.orderEndsTails, fewHeads, { names: order, classes: [], flags: false, orders: true });
  // If both kinds of page cache are dropped, they need not be distinguished.
  const needsPrivate = policy.cache && !policy.cachePrivate;
  const privateData = { names: "PG_private or OFFSET(page.private)", classes: ["cache" as const], flags: false };
  find(needsPrivate ? pages.privateHasData : undefined, fewPages, privateData);
  const unused = blocks === undefined || blocks.marked.cases < BLOCKS_LIMIT.least ? pages.unusedIsFree : undefined;
  find(marksFreePages(layout) ? unused : undefined, fewBlocks, { names: buddy, classes: ["free"], flags: false });

  const { classes } = kernelPageEvidence(dump, view, sample);
  const taken = [
    ["cache", CACHE],
    ["cachePrivate", CACHE_PRIVATE],
    ["user", USER],
    ["free", FREE],
  ] as const;
  for (const [kind, number] of taken) {
    const pagesOfKernel = classes[number] ?? 0;
    if (pagesOfKernel <= KERNEL_PAGES) continue;
    const seen = `${pagesOfKernel} pages of the kernel's own data seem to be ${LABELS[kind]}`;
    findings.push({ names: "struct page's description", seen, classes: [kind], flags: false });
  }
  for (const [kind, name, number] of [
    ["hwpoison", "NUMBER(PG_hwpoison)", HWPOISON],
    ["offline", "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)", OFFLINE],
  ] as const) {
    const pagesOfKernel = classes[number] ?? 0;
    if (pagesOfKernel <= KERNEL_PAGES) continue;
    const seen = `${pagesOfKernel} pages of the kernel's own data seem to be ${ALWAYS[kind]}`;
    findings.push({ names: name, seen, classes: [], flags: false, always: kind });
  }
  const byLists = blocks !== undefined && blocks.placed.cases >= BLOCKS_LIMIT.least && !misplaced(blocks.placed);
  const { cases, right } = pages.namesItself;
  // With another kernel's layout nearly all pages may seem to be none of those that the other rules are about.
  if (!byLists && right < CONFIRMED && cases - right >= CONFIRMED) {
    const names = "SIZE(page), the memory map or the offsets of struct page";
    findings.push({ names, seen: describeShare(pages.namesItself), classes: ALL, flags: true });
  }
  return findings;
}

const FLAG_NAMES = "OFFSET(page.flags), OFFSET(page.mapping) or the numbers of page flags";
const FLAG_RULES: readonly (keyof PageEvidence)[] = [
  "anonOnLru",
  "anonSwapbacked",
  "fileOnLru",
  "lruHasMapping",
  "flagsNoAddress",
];

function describeShare({ rule, cases, right }: Share): string {
  return `only ${right} of ${cases} ${rule}`;
}

/**
 * Compares the number of free pages that the scan found with the zones' counters. Returns `false`, with a warning, if
 * they differ too much; then free pages must be kept. `free` is the number of pages found, `lookedAt` the number of
 * pages whose struct page the scan read.
 */
export function checkFreeCount(
  dump: Dump,
  view: KernelView,
  free: number,
  lookedAt: number,
  warnings: Warnings,
): boolean {
  const kernel = viewMemory(dump, view);
  const counters = kernel && freeCounters(kernel);
  if (kernel === undefined || counters === undefined) return true;
  const cpus = Math.max(dump.header.cpus, countCpus(dump.notes), 1);
  if (countsAgree(counters, free, lookedAt, cpus) || listsConfirm(kernel, view)) return true;
  warnings.add(
    "SELF_CHECK",
    `VMCOREINFO does not fit the memory (${free} pages seem free, the kernel counts ${counters.free}); for that reason these are kept: free pages. ${CURE}`,
  );
  return false;
}

/**
 * Whether `checkFreeCount` may return false. If so, a walk that returns pages before it has seen all must count the
 * free ones first.
 */
export function needsFreeCount(dump: Dump, view: KernelView): boolean {
  const kernel = viewMemory(dump, view);
  return kernel !== undefined && freeCounters(kernel) !== undefined && !listsConfirm(kernel, view);
}

/**
 * Whether the free lists confirm the marks. They are more reliable than counters: pages being isolated are on them, but
 * in no counter.
 */
function listsConfirm(kernel: KernelMemory, view: KernelView): boolean {
  const blocks = freeBlockEvidence(kernel, view.memMap, view.layout);
  return blocks !== undefined && blocks.marked.cases >= BLOCKS_LIMIT.least;
}

function without(policy: Policy, kinds: readonly PageKind[]): Policy {
  return { ...policy, ...Object.fromEntries(kinds.map((kind) => [kind, false])) };
}

function levelOf(policy: Policy): number {
  return ALL.reduce((level, kind) => level | (policy[kind] ? BITS[kind] : 0), policy.zero ? LEVEL_BITS.zero : 0);
}

/** A name that VMCOREINFO lacks although the level needs it. */
interface MissingFact {
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
