import { DumpError } from "../../errors.js";
import type { KernelView } from "../../kernel/kernel-view.js";
import { OPTION } from "../../option-words.js";
import type { Dump } from "../../reader/dump.js";
import type { GivenFile } from "../../reader/source/side-file.js";
import type { Warnings } from "../../warnings.js";
import type { PagePlan } from "../plan.js";
import { MACHINE_ADDRESS } from "../text/text-classes.js";
import type { TextSearch } from "../text/text-search.js";
import { eraseDebuginfo } from "./erase-debuginfo.js";
import { type ErasedByRule, type ErasePlan, erasePlan } from "./erase-plan.js";
import { erasedUtsname, withEraseinfo } from "./erase-record.js";
import { type EraseRule, isTextTarget } from "./erase-rule.js";
import { type FoundOfRule, searchOf, type WantedTexts, wantedTexts } from "./erase-texts.js";
import { type EraseFile, parseEraseRules } from "./parse-rules.js";
import { countErased, ERASED, type EraseSpans, SpanList } from "./spans.js";
import { TextsInNotes } from "./texts-in-notes.js";

/** What a run erased. */
export interface EraseResult {
  readonly rules: readonly ErasedRule[];
  /** The lines about it in the output's eraseinfo. */
  readonly record: readonly string[];
  /** Pieces of physical memory, and their bytes, each counted once. */
  readonly spans: number;
  readonly bytes: number;
  /** How many of those bytes are in pages of the output. The others were dropped with their pages. */
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

/** A run with erase rules, between the phases of the run. */
export interface EraseRun {
  /** The spans for the threads. */
  readonly spans: readonly EraseSpans[];
  /** What must be searched for in the kept pages before the rest of this object is used. */
  readonly search: TextSearch | undefined;
  /** This run with the found places of each rule added. */
  withTexts(found: readonly FoundOfRule[]): EraseRun;
  /** The dump as the output describes it: with eraseinfo. */
  describe(dump: Dump): Dump;
  /** The kernel as the output describes it: the header has a copy of its names. */
  view(view: KernelView): KernelView;
  /** The result, when it is known which pages are kept. */
  result(plan: Pick<PagePlan, "kept" | "maxMapnr">): EraseResult;
}

/** A parsed rules file. Making it throws `BAD_OPTION` and `LIMIT`, before anything else is done. */
export interface EraseRequest {
  readonly file: EraseFile;
  readonly rules: readonly EraseRule[];
  readonly texts: WantedTexts | undefined;
  /** The texts as search tables. */
  readonly search: TextSearch | undefined;
}

/** Requests by file: a run uses its own before it begins, and again for each level that it tries. */
const requests = new WeakMap<EraseFile, EraseRequest>();

export function eraseRequest(file: EraseFile): EraseRequest {
  const known = requests.get(file);
  if (known !== undefined) return known;
  const rules = parseEraseRules(file);
  const texts = wantedTexts(rules, file.name);
  const request = { file, rules, texts, search: texts && searchOf(texts) };
  requests.set(file, request);
  return request;
}

/** Resolves the rules in this dump. Throws `CANNOT_ERASE`, `LIMIT`, and for a vmlinux what `openVmlinux` throws. */
export function eraseRun(
  { file, rules, texts, search }: EraseRequest,
  dump: Dump,
  view: KernelView | undefined,
  vmlinux: GivenFile | undefined,
  warnings: Warnings,
): EraseRun {
  if (view === undefined && !rules.every(({ target }) => isTextTarget(target) && !needsTypes(target))) {
    throw new DumpError(
      "CANNOT_ERASE",
      `${OPTION.erase} needs the kernel's page tables and struct pages, which were not found`,
      {
        file: dump.paths[0] ?? "",
        cure: "`coresieve info` says what is missing",
      },
    );
  }
  if (view === undefined) return runOf({ dump, view, search }, textsOnly(rules));
  const debuginfo = rules.some(({ target }) => needsTypes(target)) ? eraseDebuginfo(dump, view, vmlinux) : undefined;
  let plan: ErasePlan;
  try {
    plan = erasePlan(file.name, rules, dump, view, debuginfo?.kernel, warnings);
  } finally {
    debuginfo?.close();
  }
  const all = texts !== undefined && plan.addresses.length > 0 ? searchOf(texts, plan.addresses) : search;
  return runOf({ dump, view, search: all }, plan);
}

function needsTypes(target: EraseRule["target"]): boolean {
  if (target.kind === "class") return target.name === MACHINE_ADDRESS;
  return target.kind !== "physical" && !isTextTarget(target);
}

function textsOnly(rules: readonly EraseRule[]): ErasePlan {
  const none = new SpanList().merged(ERASED);
  return { rules: rules.map((rule) => ({ rule, objects: 0, spans: none, record: [] })), spans: [], addresses: [] };
}

/** What does not change when texts are found. */
interface RunBase {
  readonly dump: Dump;
  readonly view: KernelView | undefined;
  readonly search: TextSearch | undefined;
}

function runOf(base: RunBase, plan: ErasePlan): EraseRun {
  const { dump, view, search } = base;
  const lines = recordOf(plan);
  const notes = search && new TextsInNotes(search);
  return {
    spans: plan.spans,
    search,
    withTexts: (found) => runOf(base, withFound(plan, found, notes, dump)),
    describe: (described) => withEraseinfo(notes?.erase(described) ?? described, lines),
    view(described) {
      const utsname = view === undefined ? described.utsname : erasedUtsname(dump, view, plan.spans);
      return { ...described, utsname: notes?.names(utsname) ?? utsname };
    },
    result: (pages) => resultOf(plan, pages, dump.pageSize),
  };
}

/**
 * If there are more lines of physical ranges than this, they become one line: `audit --rules` writes many, and crash
 * shows them all.
 */
const MOST_RANGES = 1000;

/** The lines for eraseinfo. */
function recordOf({ rules }: ErasePlan): string[] {
  const ranges = rules.filter(({ rule }) => rule.target.kind === "physical");
  const shown = ranges.length > MOST_RANGES ? rules.filter(({ rule }) => rule.target.kind !== "physical") : rules;
  const size = ranges.reduce((sum, { rule: { target } }) => sum + (target.kind === "physical" ? target.length : 0), 0);
  const together = shown === rules ? [] : [`erase physical, ${ranges.length} ranges, size ${size}`];
  return [...new Set([...shown.flatMap(({ record }) => record), ...together])];
}

/** The plan with the texts that were found in pages and in notes. */
function withFound(
  plan: ErasePlan,
  found: readonly FoundOfRule[],
  notes: TextsInNotes | undefined,
  dump: Dump,
): ErasePlan {
  notes?.erase(dump);
  const rules = plan.rules.map((one, i): ErasedByRule => {
    const { count = 0, spans } = found[i] ?? {};
    const times = one.objects + count + (notes?.counts[i] ?? 0);
    if (!isTextTarget(one.rule.target) || spans === undefined || times === 0) return one;
    const list = new SpanList();
    list.addAll(one.spans);
    list.addAll(spans);
    const merged = list.merged(ERASED);
    const size = merged.start.reduce((sum, start, k) => sum + (merged.end[k] as number) - start, 0);
    return { ...one, objects: times, spans: merged, record: [`erase ${one.rule.name}, ${times} times, size ${size}`] };
  });
  const all = new SpanList();
  for (const { spans } of rules) if (spans.fill === ERASED) all.addAll(spans);
  const merged = all.merged(ERASED);
  const others = plan.spans.filter(({ fill }) => fill !== ERASED);
  return { ...plan, rules, spans: [...(merged.start.length > 0 ? [merged] : []), ...others] };
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
  return { rules, record: recordOf(plan), ...total };
}
