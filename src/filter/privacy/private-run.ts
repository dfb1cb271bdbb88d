import type { KernelView } from "../../kernel/kernel-view.js";
import { OPTION } from "../../option-words.js";
import type { Dump } from "../../reader/dump.js";
import type { GivenFile } from "../../reader/source/side-file.js";
import type { Warnings } from "../../warnings.js";
import { withEraseinfo } from "../erase/erase-record.js";
import type { EraseSpans } from "../erase/spans.js";
import type { PagePlan } from "../plan.js";
import type { Policy, ScanPolicy } from "../policy.js";
import { MAX_LEVEL } from "../policy.js";
import type { PrivacyExtra, PrivacyKeep } from "./privacy-names.js";
import { privacyRecord, STRICT_RECORD } from "./privacy-record.js";
import { type PrivacyResult, privacyResult } from "./privacy-result.js";
import { refused } from "./privacy-view.js";
import { withoutPrivateNotes, withoutUserRegisters } from "./private-notes.js";
import { type PrivatePages, privatePages } from "./private-pages.js";
import type { Scrub } from "./scrub-result.js";
import type { StackTops } from "./stack-tops.js";
import type { KernelWords } from "./strict/kernel-words.js";
import { strictNotes } from "./strict/strict-notes.js";
import type { StrictPages } from "./strict/strict-pages.js";
import { StrictPlan } from "./strict/strict-plan.js";
import { strictRemains } from "./strict/strict-remains.js";

/** The options of a run with `--privacy`. */
export interface PrivateRequest {
  readonly strict: boolean;
  readonly extras: readonly PrivacyExtra[];
  readonly keeps: readonly PrivacyKeep[];
  readonly vmlinux: GivenFile | undefined;
}

/** A search for private data: what decides about whole pages was found. */
export interface PrivateSearch {
  readonly policy: ScanPolicy;
  readonly stackTops: StackTops | undefined;
  /** Finds what is overwritten in kept pages; threads may classify pages by the policy meanwhile. Throws `CANNOT_FILTER`. */
  search(): PrivateRun;
  /** Must be called at the end. */
  close(): void;
}

/** What `--privacy` changes in a run. */
export interface PrivateRun {
  /** The dump with notes that may be copied, and an eraseinfo that says what was done. */
  readonly dump: Dump;
  /** What is overwritten in kept pages. */
  readonly spans: readonly EraseSpans[];
  /** With "strict": what is kept in those pages; everything else is overwritten. */
  readonly strict: StrictPages | undefined;
  /** Whether the names of the host and its domain must not be in headers, either. */
  readonly hidesHost: boolean;
  /** The result, from the run's counts by class number and the pages that are kept. */
  result(
    counts: ArrayLike<number>,
    plan: Pick<PagePlan, "kept" | "maxMapnr">,
    cleared: number | undefined,
  ): PrivacyResult;
}

/**
 * Prepares a run with `--privacy`. `usable` is the part of the level's policy that the self-check confirmed: if it is
 * not all of it, the struct pages are not reliable, and nothing can be guaranteed for any page. Throws `CANNOT_FILTER`.
 */
export function privateSearch(
  dump: Dump,
  view: KernelView | undefined,
  usable: Policy,
  request: PrivateRequest,
  warnings: Warnings,
): PrivateSearch {
  if (view === undefined)
    throw refused(dump, `${OPTION.privacy} needs the kernel's struct pages, which were not found`);
  const lost = Object.entries(usable).filter(([, on]) => on === false);
  if (lost.length > 0) {
    const names = lost.map(([name]) => name).join(", ");
    throw refused(
      dump,
      `${OPTION.privacy} needs every class of level ${MAX_LEVEL}, and these are not known here: ${names}`,
    );
  }
  const { strict, keeps, vmlinux } = request;
  // No program's registers and no terminal's data are the kernel's own.
  const extras = strict ? [...new Set([...request.extras, "registers", "tty"] as const)] : request.extras;
  const plan = strict ? new StrictPlan(dump, view) : undefined;
  const given = { vmlinux, strict: plan && { plan, keeps } };
  const { pages, scrubbing } = privatePages(dump, view, extras, given, warnings);
  return {
    policy: { ...usable, privacy: pages.view },
    stackTops: scrubbing.stackTops,
    search: () =>
      privateRun(dump, view, { extras, keeps, plan }, pages, scrubbing.search(pages.pages.stacks), warnings),
    close: scrubbing.close,
  };
}

function privateRun(
  dump: Dump,
  view: KernelView,
  { extras, keeps, plan }: Pick<PrivateRequest, "extras" | "keeps"> & { readonly plan: StrictPlan | undefined },
  { view: { stack }, pages, gaps }: PrivatePages["pages"],
  done: Scrub,
  warnings: Warnings,
): PrivateRun {
  const strictly = plan?.end(pages, stack);
  if (plan !== undefined && strictly === undefined) {
    throw refused(
      dump,
      `${OPTION.privacyStrict} needs to know where the kernel's image ends, which this dump does not say; its vmlinux does (${OPTION.vmlinux})`,
    );
  }
  for (const gap of pages.gaps) {
    warnings.add(
      "PRIVACY_GAP",
      `${OPTION.privacy} could not look through ${gap}; what nothing else shows to be the kernel's is dropped`,
    );
  }
  const { noteArea, cleared } = cleanNotes(dump, view, extras, strictly?.strict.words);
  const record = [...privacyRecord(done.reached), ...(plan ? [STRICT_RECORD] : [])];
  const left = plan
    ? strictRemains(done, keeps, [...(strictly?.gaps ?? []), ...done.lost])
    : [...remains(done, extras), ...gaps];
  return {
    dump: withEraseinfo({ ...dump, noteArea }, record),
    spans: done.spans,
    strict: strictly?.strict,
    hidesHost: extras.includes("host"),
    result: (counts, kept, strictBytes) => ({
      ...privacyResult(pages, counts, cleared, done.counts(kept), left),
      ...(plan && { strict: { bytes: strictBytes } }),
    }),
  };
}

/** The notes for the output, and how many were changed. */
function cleanNotes(
  dump: Dump,
  view: KernelView,
  extras: readonly PrivacyExtra[],
  words: KernelWords | undefined,
): { readonly noteArea: Uint8Array; readonly cleared: number } {
  const clean = withoutPrivateNotes(dump);
  const user = extras.includes("registers")
    ? withoutUserRegisters(dump, clean.noteArea, view.lowestAddress)
    : { noteArea: clean.noteArea, cleared: 0 };
  const strict = words === undefined ? undefined : strictNotes(dump, user.noteArea, words);
  return {
    noteArea: strict?.noteArea ?? user.noteArea,
    cleared: clean.cleared + user.cleared + (strict?.cleared ?? 0),
  };
}

/** Where users' data may remain; docs/privacy.md explains each. */
function remains({ reached, gaps, lost }: Scrub, extras: readonly PrivacyExtra[]): readonly string[] {
  const left = extras.includes("registers");
  const slabs = [
    "names (of files, hosts, programs, devices, sockets, wireless networks)",
    "extended attributes, targets of symbolic links, and small files that a file system keeps in its inodes",
    "settings (of mounts, devices, screens, keyboards, terminals, sockets, routes, rules, connections, traces, control groups, security modules)",
    "packet headers that sockets keep",
    "copies of keys and passwords in use (by connections, wireless networks, servers, disks, hashes)",
    "numbers (addresses of the network, users, sizes, times, handlers of signals, permitted ports)",
    "what calls that wait copied from their programs (options of mounts, arguments, the beginning of a program's file, control messages)",
    "freed objects that wait for the end of an RCU grace period",
    ...(left || reached.has("vector-registers") ? [] : ["vector registers of programs"]),
    ...(reached.has("tty") ? [] : ["terminals' buffers"]),
    ...(reached.has("socket-buffers") ? [] : ["small socket buffers"]),
  ];
  return [
    `slab pages: what the kernel keeps in its own objects: ${slabs.join(", ")}`,
    `kernel stacks: copies in progress, what earlier calls left in frames in use${left ? "" : ", and the registers of programs at their entry into the kernel, which the notes of CPUs may have, too"}`,
    [
      ...(reached.has("log") ? [] : ["the kernel's log"]),
      "variables of the kernel, of modules and of each CPU, which may have command lines, records of traces and the state of the random number generator",
      "BPF programs, their types and objects",
      ...(reached.has("host") ? [] : ["host name, numbers and tags of the machine's parts"]),
    ].join(", "),
    ...gaps,
    ...lost.map((what) => `not found, so that more was dropped than had to be: ${what}`),
  ];
}
