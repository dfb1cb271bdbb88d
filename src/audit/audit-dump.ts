import { basename } from "node:path";
import { DumpError, throwIfAborted } from "../errors.js";
import { createSearcher } from "../filter/text/searcher.js";
import { leaveOutUntouchable } from "../filter/untouchable-pages.js";
import { whyNotClassified } from "../kernel/cannot-filter.js";
import type { CompleteOptions } from "../kernel/complete-own.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import type { KernelView } from "../kernel/kernel-view.js";
import { type KindReader, kindReader } from "../kernel/page/kind-reader.js";
import { KIND, PAGE_KINDS, type PageKind, UNKNOWN_KINDS, USER_DATA_KINDS } from "../kernel/page/page-kinds.js";
import { type LongWork, runAwake } from "../long-work.js";
import {
  aDump,
  aFlag,
  aFunction,
  anObject,
  aSignal,
  atMost,
  checkArgument,
  checkGiven,
  listOf,
  maybe,
  type Shape,
  someBytes,
  wholeNumber,
} from "../option-shape.js";
import { OPTION } from "../option-words.js";
import { fillBitmaps, stretchesOf } from "../reader/attach.js";
import { countBits, sharedBitmap } from "../reader/bitmap.js";
import type { Dump } from "../reader/dump.js";
import { checkUnchanged, isLive } from "../reader/source/input-changed.js";
import type { GivenFile } from "../reader/source/side-file.js";
import type { Session } from "../run/own-session.js";
import { openOriginalSession, openSessionAwake } from "../run/session.js";
import { aWarnings, Warnings } from "../warnings.js";
import { evenRanges } from "../worker/chunks.js";
import type { AuditResult, KindCount, SecretPlace } from "./audit-result.js";
import { AuditRules } from "./audit-rules.js";
import { pageOwners } from "./owners.js";
import { searchPages } from "./scan-pages.js";
import { searchOutside } from "./search-file.js";
import type { Secret } from "./secrets.js";
import { Tally } from "./tally.js";

/** How to audit a finished dump. */
export interface AuditOptions {
  /**
   * The dump that the audited one was made from: its struct pages give the kinds of pages for which the audited dump
   * lacks them.
   */
  readonly original?: Dump;
  readonly complete?: CompleteOptions;
  readonly secrets?: readonly Secret[];
  /** The most places that are listed; all are counted. Default: 10,000. */
  readonly mostPlaces?: number;
  /** Makes erase rules for all places, including those that are not listed. */
  readonly rules?: boolean;
  readonly warnings?: Warnings;
  readonly signal?: AbortSignal;
  /** Called with the number of pages done and the total. */
  readonly onProgress?: (done: number, total: number) => void;
}

const SECRET: Shape<Secret> = { line: wholeNumber(1), bytes: someBytes };
const AUDIT: Shape<AuditOptions> = {
  original: maybe(aDump),
  complete: maybe(anObject(COMPLETE_SHAPE)),
  secrets: maybe(listOf(anObject(SECRET))),
  mostPlaces: maybe(atMost(0)),
  rules: maybe(aFlag),
  warnings: aWarnings,
  signal: maybe(aSignal),
  onProgress: maybe(aFunction),
};

/** Numbers of the kinds whose pages are findings as a whole. */
const FINDINGS: ReadonlySet<number> = new Set([...UNKNOWN_KINDS, ...USER_DATA_KINDS].map((kind) => KIND[kind]));

/** Pages whose kinds are read at once: 128 MiB of 4 KiB pages. */
const WINDOW = 2 ** 15;
const MOST_PLACES = 10_000;

/**
 * Audits a finished dump: finds the kinds of its pages, from the kernel's own struct pages, and searches it for
 * secrets. Reads every page. Takes two bitmaps of memory (64 MiB per TiB) and a few MiB. Throws `CANNOT_FILTER` if
 * neither dump has the kinds of its pages and no secrets are given, `BAD_OPTION` for an original of another kernel,
 * `INPUT_CHANGED`, `ABORTED`.
 */
export async function auditDump(input: Dump, options: AuditOptions = {}): Promise<AuditResult> {
  checkGiven(options, AUDIT);
  checkArgument("input", input, aDump);
  const { original, signal } = options;
  const secrets = options.secrets ?? [];
  const warnings = options.warnings ?? new Warnings();
  const complete = { ...options.complete, warnings, signal };
  const session = await openSessionAwake(input, complete);
  const { dump } = session;
  const own = kindSourceOf(session);
  const other = original && kindSourceOf(await openOriginalSession(original, dump, complete));
  if (original !== undefined) checkSameKernel(own, other, original);
  if (own.reader === undefined && other?.reader === undefined && secrets.length === 0) {
    throw new DumpError("CANNOT_FILTER", "its pages cannot be classified", {
      why: `${own.why ?? NO_REASON}${other === undefined ? "" : `; of the original: ${other.why ?? NO_REASON}`}`,
      file: dump.paths[0] ?? "",
      cure: `${OPTION.original} names the dump it was made from; ${OPTION.secrets} searches without that`,
    });
  }
  const stretches = stretchesOf(dump.image);
  const present = sharedBitmap(stretches);
  fillBitmaps(dump.image, { data: present });
  const pages = countBits(present, 0, dump.maxMapnr);
  // Pages that are not read count as damaged: their content is not known either.
  let damagedPages = own.view !== undefined && isLive(dump.image) ? leaveOutUntouchable(dump, own.view, present) : 0;
  const searcher = createSearcher(secrets, dump.pageSize);
  const tally = new Tally(secrets, options.mostPlaces ?? MOST_PLACES);
  const rules = options.rules ? new AuditRules(secrets, dump.pageSize) : undefined;
  const kinds = new Uint8Array(WINDOW);
  const otherKinds = new Uint8Array(WINDOW);
  const used = { own: false, other: false };
  const counts = PAGE_KINDS.map(() => ({ pages: 0, zeroPages: 0 }));
  let done = 0;
  const looking = function* (): LongWork<void> {
    for (const { startPfn, endPfn } of evenRanges(present, dump.maxMapnr, WINDOW)) {
      yield undefined;
      kinds.fill(KIND["no-struct-page"]);
      own.reader?.read(startPfn, endPfn, kinds);
      other?.reader?.read(startPfn, endPfn, otherKinds);
      const here = countBits(present, startPfn, endPfn);
      if (here === 0) continue;
      if (own.reader !== undefined) used.own = true;
      if (other?.reader !== undefined && takeUnknown(kinds, otherKinds, endPfn - startPfn)) used.other = true;
      const range = { startPfn, endPfn };
      damagedPages += yield* searchPages(dump, present, range, searcher, {
        page(pfn, zero) {
          const count = counts[kinds[pfn - startPfn] as number] as (typeof counts)[number];
          count.pages++;
          if (zero) count.zeroPages++;
          else if (FINDINGS.has(kinds[pfn - startPfn] as number)) rules?.page(pfn);
        },
        secret(secret, pfn, offset) {
          tally.inPage(secret, pfn, offset, kinds[pfn - startPfn] as number, dump.pageSize);
          rules?.inPage(secret, pfn, offset);
        },
      });
      done += here;
      options.onProgress?.(done, pages);
      throwIfAborted(signal);
    }
  };
  await runAwake(looking(), { signal });
  const outsideBytes =
    secrets.length === 0
      ? 0
      : await runAwake(
          searchOutside(dump, secrets, searcher, (secret, place) => {
            tally.outside(secret, place);
            rules?.outside(secret, place);
          }),
          { signal },
        );
  for (const one of original === undefined ? [dump] : [dump, original]) checkUnchanged(one, warnings);
  const kindCounts = countsOf(counts);
  const sumOf = (verdict: KindCount["verdict"]) =>
    kindCounts.reduce((sum, one) => sum + (one.verdict === verdict ? one.pages - one.zeroPages : 0), 0);
  const userDataPages = sumOf("user data");
  const unknownPages = sumOf("unknown");
  return {
    files: dump.paths,
    description: dump.header.description,
    kernelRelease: own.release ?? other?.release ?? dump.vmcoreinfo?.osrelease,
    pageSize: dump.pageSize,
    pages,
    damagedPages,
    classifiedBy: used.own ? (used.other ? "dump and original" : "dump") : used.other ? "original" : "nothing",
    kinds: kindCounts,
    userDataPages,
    unknownPages,
    secrets: secrets.length === 0 ? undefined : tally.counts,
    places: withOwners(tally.places, used.own ? own : other, options.complete?.vmlinux),
    placesLeftOut: tally.placesLeftOut,
    memoryBytes: pages * dump.pageSize,
    outsideBytes,
    ...(rules === undefined ? {} : { rules: rules.text(basename(dump.paths[0] ?? "")) }),
    clean: userDataPages + unknownPages + damagedPages + tally.total === 0,
    warnings: warnings.list,
  };
}

interface KindSource {
  readonly reader?: KindReader;
  readonly dump?: Dump;
  readonly view?: KernelView;
  readonly release?: string;
  readonly identity?: string;
  readonly why?: string;
}

/** Where nothing says why the pages of a dump have no kinds. */
const NO_REASON = "nothing is known about its kernel";

function kindSourceOf({ dump, view, whyNoView }: Session): KindSource {
  if (whyNoView?.code === "NOT_READABLE") throw whyNoView;
  if (view === undefined) return whyNoView === undefined ? {} : { why: whyNotClassified(whyNoView) };
  const { utsname } = view;
  const identity = `${utsname.release} ${utsname.version} ${dump.vmcoreinfo?.symbol("init_uts_ns") ?? ""}`;
  return { reader: kindReader(dump, view), dump, view, release: utsname.release, identity };
}

/**
 * Checks that both kernels are the same: struct pages of another kernel, or of another boot of this one, would give
 * wrong kinds.
 */
function checkSameKernel(own: KindSource, other: KindSource | undefined, original: Dump): void {
  const file = original.paths[0] ?? "";
  if (other?.reader === undefined) {
    throw new DumpError("BAD_OPTION", `cannot serve as ${OPTION.original}`, {
      why: other?.why,
      file,
      cure: `Leave out ${OPTION.original}`,
    });
  }
  if (own.identity === undefined || own.identity === other.identity) return;
  throw new DumpError("BAD_OPTION", `is a dump of another kernel or boot: ${other.identity}, not ${own.identity}`, {
    file,
    cure: `${OPTION.original} is the dump from which the audited one was made`,
  });
}

/** Replaces unknown kinds by those from the other dump. Returns whether any were replaced. */
function takeUnknown(kinds: Uint8Array, other: Uint8Array, count: number): boolean {
  let taken = false;
  for (let i = 0; i < count; i++) {
    const known = other[i] as number;
    if ((kinds[i] as number) > KIND.unreadable || known <= KIND.unreadable) continue;
    kinds[i] = known;
    taken = true;
  }
  return taken;
}

function countsOf(counts: readonly { pages: number; zeroPages: number }[]): KindCount[] {
  const verdictOf = (kind: PageKind) =>
    UNKNOWN_KINDS.includes(kind) ? "unknown" : USER_DATA_KINDS.includes(kind) ? "user data" : "kernel";
  return PAGE_KINDS.map((kind, i): KindCount => {
    return { kind, verdict: verdictOf(kind), ...(counts[i] as { pages: number; zeroPages: number }) };
  }).filter(({ pages }) => pages > 0);
}

/** Adds the owners of the pages in which secrets were found. */
function withOwners(
  places: readonly SecretPlace[],
  { reader, dump, view }: KindSource = {},
  vmlinux: GivenFile | undefined,
): readonly SecretPlace[] {
  const pfns = places.flatMap((place) => (place.where === "page" ? [place.pfn] : []));
  if (pfns.length === 0 || reader === undefined || dump === undefined || view === undefined) return places;
  const owners = pageOwners(dump, view, reader, pfns, vmlinux);
  try {
    return places.map((place): SecretPlace => {
      if (place.where !== "page") return place;
      const mapping = HAVE_MAPPING.has(place.kind) ? reader.mappingOf(place.pfn) : undefined;
      const owner = owners.of(place);
      return {
        ...place,
        ...(mapping === undefined || mapping === 0n ? {} : { mapping: `0x${mapping.toString(16)}` }),
        ...(owner === undefined ? {} : { owner }),
      };
    });
  } finally {
    owners.close();
  }
}

const HAVE_MAPPING: ReadonlySet<PageKind> = new Set([
  ...(["anon", "ksm", "anon-off-lru", "swap-cache", "cache", "cache-private", "shmem", "cache-off-lru"] as const),
  ...(["hugetlb", "movable"] as const),
]);
