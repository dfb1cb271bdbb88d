import type { EraseRun } from "../filter/erase/erase-run.js";
import type { EraseSpans } from "../filter/erase/spans.js";
import type { PagePlan } from "../filter/plan.js";
import { needsStructPages, type Policy, policyOfLevel, type ScanPolicy } from "../filter/policy.js";
import { privacyExtras } from "../filter/privacy/privacy-names.js";
import type { PrivateRun, PrivateSearch } from "../filter/privacy/private-run.js";
import type { KernelView } from "../kernel/kernel-view.js";
import type { PageBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import type { Warnings } from "../warnings.js";
import type { ExtensionRun } from "../worker/extension/extend-dump.js";
import type { RunContext } from "../worker/pool.js";
import { checkedPlan } from "./classify.js";
import type { WholeFilterOptions } from "./filter-types.js";
import { pagesWithoutData } from "./filtered-before.js";
import type { Session } from "./own-session.js";

/**
 * A run before its first pass: the plan of all pages, the policy, and everything else that drops pages or overwrites
 * bytes.
 */
export interface PreparedRun {
  readonly dump: Dump;
  readonly view: KernelView | undefined;
  readonly plan: PagePlan;
  /** What pass 1 drops: the level's classes as far as the self-check confirms them; with `--privacy` more. */
  readonly policy: ScanPolicy;
  /** Pages that exist but have no data in the input: an earlier filtering dropped them. */
  readonly withoutData: PageBitmap | undefined;
  /** To be closed. */
  readonly search: PrivateSearch | undefined;
  readonly erase: EraseRun | undefined;
  readonly extension: ExtensionRun | undefined;
  readonly options: WholeFilterOptions;
  readonly warnings: Warnings;
}

/** Throws what the self-check, `--privacy`, erase rules and an extension throw before they begin. */
export async function prepareRun(session: Session, options: WholeFilterOptions): Promise<PreparedRun> {
  const { dump, warnings } = session;
  checkView(session, options.level);
  const eraser = options.erase && (await import("../filter/erase/erase-run.js"));
  // Rules with a mistake are refused before the search for private data, which takes longer.
  const request = options.erase && eraser?.eraseRequest(options.erase);
  const { view, policy, plan } = checkedPlan(session, policyOfLevel(options.level));
  const erase = request && eraser?.eraseRun(request, dump, view, options.vmlinux, warnings);
  const withoutData = pagesWithoutData(plan);
  const extension = await extensionOf(dump, view, plan, options);
  const search = await privacyOf(dump, view, policy, options, warnings);
  return {
    ...{ dump, view, plan, policy: search?.policy ?? policy, withoutData },
    ...{ search, erase, extension, options, warnings },
  };
}

/**
 * Levels 0 and 1 work without struct pages if necessary; pages with memory errors are then kept. For other levels
 * throws the reason why there is no view.
 */
function checkView({ view, whyNoView, warnings }: Session, level: number): void {
  if (view !== undefined || whyNoView === undefined) return;
  if (whyNoView.code !== "CANNOT_FILTER" || needsStructPages(level)) throw whyNoView;
  warnings.add("NO_KERNEL_VIEW", `${whyNoView.summary}; pages with memory errors and offline pages are kept`);
}

// Privacy, erasing and extensions are together a sixth of the program, so each is loaded only in runs that use it.

async function privacyOf(
  dump: Dump,
  view: KernelView | undefined,
  policy: Policy,
  { privacy, privacyExtra, privacyKeep, vmlinux }: WholeFilterOptions,
  warnings: Warnings,
): Promise<PrivateSearch | undefined> {
  if (!privacy) return undefined;
  const { privateSearch } = await import("../filter/privacy/private-run.js");
  const extras = privacyExtras(privacyExtra ?? []);
  const request = { strict: privacy === "strict", extras, keeps: privacyKeep ?? [], vmlinux };
  return privateSearch(dump, view, policy, request, warnings);
}

async function extensionOf(
  dump: Dump,
  view: KernelView | undefined,
  plan: PagePlan,
  options: WholeFilterOptions,
): Promise<ExtensionRun | undefined> {
  if (options.extension === undefined) return undefined;
  const { extensionRun } = await import("../worker/extension/extend-dump.js");
  return extensionRun(options.extension, dump, view, plan, options);
}

/** What is overwritten in kept pages. */
export function spansOf(erase: EraseRun | undefined, privacy: PrivateRun | undefined): EraseSpans[] {
  return [...(erase?.spans ?? []), ...(privacy?.spans ?? [])];
}

/** What the tasks of both passes need. `privacy` is known behind pass 1. */
export function runContext(
  { dump, view, plan, search, extension, options }: PreparedRun,
  policy: ScanPolicy,
  erase: EraseRun | undefined,
  privacy: PrivateRun | undefined,
): RunContext {
  const classes = extension && { classes: extension.context.classes };
  const kernel = view && { space: view.space, memMap: view.memMap, pageLayout: view.layout, policy, ...classes };
  return {
    image: dump.image,
    pageSize: dump.pageSize,
    kept: plan.kept,
    kernel,
    codec: options.codec,
    dedupe: options.dedupe ?? false,
    ...(extension && { extension: extension.context }),
    erase: spansOf(erase, privacy),
    ...(erase?.search && { search: erase.search }),
    ...(search?.stackTops && { stackTops: search.stackTops }),
    ...(privacy?.strict && { strict: privacy.strict }),
  };
}
