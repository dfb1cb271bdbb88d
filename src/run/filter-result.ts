import { classCounts, type FurtherClass, KEPT, ZERO } from "../filter/page-classes.js";
import type { PagePlan } from "../filter/plan.js";
import type { PrivateRun } from "../filter/privacy/private-run.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { onlyGiven } from "../only-given.js";
import type { Dump } from "../reader/dump.js";
import type { Warnings } from "../warnings.js";
import type { FilterResult, WholeFilterOptions } from "./filter-types.js";

/** The result of pass 2, in addition to the plan. */
export interface WrittenPages {
  /** Kept pages of zeros, which have no bytes in the output. */
  readonly zeroPages: number;
  readonly outputBytes: number;
  /** Bytes that `--privacy strict` set to 0; `undefined` if they were not counted (shards). */
  readonly cleared?: number;
}

/** What is known of a run after planning. */
interface PlannedFacts {
  readonly dump: Dump;
  readonly view: KernelView | undefined;
  readonly plan: PagePlan;
  readonly level: number;
  readonly kept: number;
  readonly warnings: Warnings;
  readonly incomplete: boolean;
  readonly options: WholeFilterOptions;
  readonly privacy: PrivateRun | undefined;
  readonly erased: FilterResult["erase"] | undefined;
  readonly extended: FilterResult["extension"] | undefined;
  readonly before: FilterResult["filteredBefore"] | undefined;
  readonly unclassified: number;
  readonly unreadable: number;
}

/** The result of a whole run. Pages of zeros are counted by pass 2. */
export function filterResult(facts: PlannedFacts, { zeroPages, outputBytes, cleared }: WrittenPages): FilterResult {
  const { dump, view, plan, level, kept, options, privacy, erased, extended, before } = facts;
  const { unclassified, unreadable, incomplete } = facts;
  const counts = [...plan.dropped];
  counts[ZERO] = (counts[ZERO] as number) + zeroPages;
  counts[KEPT] = kept - zeroPages;
  return {
    kernelRelease: view?.utsname.release ?? dump.vmcoreinfo?.osrelease,
    memoryModel: view?.memMap.model,
    arch: dump.machine.arch,
    pageSize: dump.pageSize,
    level,
    maxMapnr: plan.maxMapnr,
    inputPages: plan.inputPages,
    classes: classCounts(counts, Boolean(options.privacy), furtherClasses(options)),
    ...(privacy === undefined ? {} : { privacy: privacy.result(counts, plan, cleared) }),
    ...onlyGiven({ erase: erased, extension: extended, filteredBefore: before }),
    ...{ beyondMemMap: plan.beyondMemMap, unclassified, unreadable, incomplete },
    ...{ notWritten: 0, full: undefined, fullBy: undefined, shared: undefined },
    inputBytes: dump.fileSize,
    outputBytes,
    warnings: facts.warnings.list,
  };
}

function furtherClasses({ extension, excludeUnusedVmemmap }: WholeFilterOptions): FurtherClass[] {
  return [
    ...(extension ? (["extension"] as const) : []),
    ...(excludeUnusedVmemmap ? (["unused-vmemmap"] as const) : []),
  ];
}
