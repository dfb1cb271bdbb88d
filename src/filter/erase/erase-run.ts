import { DumpError } from "../../errors.js";
import type { KernelView } from "../../kernel/kernel-view.js";
import type { Dump } from "../../reader/dump.js";
import type { GivenFile } from "../../reader/source/side-file.js";
import type { Warnings } from "../../warnings.js";
import type { PagePlan } from "../plan.js";
import { eraseDebuginfo } from "./erase-debuginfo.js";
import { type ErasePlan, erasePlan } from "./erase-plan.js";
import { erasedUtsname, withEraseinfo } from "./erase-record.js";
import type { EraseRule } from "./erase-rule.js";
import { type EraseFile, parseEraseRules } from "./parse-rules.js";
import { countErased, type EraseSpans } from "./spans.js";

/** What a run erased. */
export interface EraseResult {
  readonly rules: readonly ErasedRule[];
  /** Pieces of physical memory, and their bytes, each counted once. */
  readonly spans: number;
  readonly bytes: number;
  /** Of those bytes: in pages that are in the output. The others were dropped with their pages. */
  readonly overwritten: number;
}

/** What one rule erased. */
export interface ErasedRule {
  readonly line: number;
  readonly rule: string;
  /** Objects, variables or ranges. */
  readonly objects: number;
  readonly spans: number;
  readonly bytes: number;
  readonly overwritten: number;
  /** Its lines in the output's eraseinfo. */
  readonly record: readonly string[];
}

/** A run with erase rules, between its phases. */
export interface EraseRun {
  /** For the threads. */
  readonly spans: readonly EraseSpans[];
  /** The dump as the output describes it: eraseinfo added. */
  describe(dump: Dump): Dump;
  /** The kernel as the output describes it: the header has a copy of its names. */
  view(view: KernelView): KernelView;
  /** The account, when it is known which pages are kept. */
  result(plan: Pick<PagePlan, "kept" | "maxMapnr">): EraseResult;
}

/** A rules file, read: throws `BAD_OPTION` and `LIMIT` before anything is done. */
export interface EraseRequest {
  readonly file: EraseFile;
  readonly rules: readonly EraseRule[];
}

export function eraseRequest(file: EraseFile): EraseRequest {
  return { file, rules: parseEraseRules(file) };
}

/** Resolves the rules in this dump. Throws `CANNOT_ERASE`, `LIMIT`, and for a vmlinux what `openVmlinux` does. */
export function eraseRun(
  { file, rules }: EraseRequest,
  dump: Dump,
  view: KernelView | undefined,
  vmlinux: GivenFile | undefined,
  warnings: Warnings,
): EraseRun {
  if (view === undefined) {
    throw new DumpError(
      "CANNOT_ERASE",
      "--erase needs the kernel's page tables and struct pages, which were not found",
      {
        file: dump.paths[0] ?? "",
        cure: "`coresieve info` says what is missing",
      },
    );
  }
  const needsNames = rules.some(({ target }) => target.kind !== "physical");
  const debuginfo = needsNames ? eraseDebuginfo(dump, view, vmlinux) : undefined;
  let plan: ErasePlan;
  try {
    plan = erasePlan(file.name, rules, dump, view, debuginfo?.kernel, warnings);
  } finally {
    debuginfo?.close();
  }
  const lines = [...new Set(plan.rules.flatMap(({ record }) => record))];
  return {
    spans: plan.spans,
    describe: (described) => withEraseinfo(described, lines),
    view: (described) => ({ ...described, utsname: erasedUtsname(dump, view, plan.spans) }),
    result: (pages) => resultOf(plan, pages, dump.pageSize),
  };
}

function resultOf(plan: ErasePlan, pages: Pick<PagePlan, "kept" | "maxMapnr">, pageSize: number): EraseResult {
  const rules = plan.rules.map(({ rule, objects, spans, record }) => ({
    ...{ line: rule.line, rule: rule.text, objects, spans: spans.start.length },
    ...countErased(spans, pages, pageSize),
    record,
  }));
  const total = { spans: 0, bytes: 0, overwritten: 0 };
  for (const spans of plan.spans) {
    const { bytes, overwritten } = countErased(spans, pages, pageSize);
    total.spans += spans.start.length;
    total.bytes += bytes;
    total.overwritten += overwritten;
  }
  return { rules, ...total };
}
