import { formatBytes } from "../byte-size.js";
import type { PageClass, PrivacyClass } from "../filter/page-classes.js";
import { inWords, OPTION } from "../option-words.js";
import { type Html, html, NOTHING } from "./html.js";
import { count } from "./page/words.js";
import { KIND_GROUPS, KIND_LABELS } from "./page-states.js";
import type { KindRow, ReportData } from "./report-data.js";

/** A share as a bar. Its width is an attribute, because the page allows no style attributes. */
export function bar(share: number, name = ""): Html {
  const width = Math.max(0, Math.min(100, 100 * share)).toFixed(1);
  return html`<svg class="share ${name}" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="all" width="100" height="10"/><rect class="part" width="${width}" height="10"/></svg>`;
}

export function percent(part: number, whole: number): string {
  const value = whole === 0 ? 0 : (100 * part) / whole;
  return `${value.toFixed(value > 0 && value < 10 ? 1 : 0)} %`;
}

interface Sums {
  readonly pages: number;
  readonly absent: number;
  readonly kept: number;
  readonly zero: number;
  readonly dropped: number;
  readonly storedBytes: number;
  /** Estimated from a sample. */
  readonly sampledBytes: number;
  readonly sampledPages: number;
}

function sumsOf(rows: readonly KindRow[]): Sums {
  const sum = (value: (row: KindRow) => number) => rows.reduce((total, row) => total + value(row), 0);
  return {
    pages: sum((row) => row.pages),
    absent: sum((row) => row.absent),
    kept: sum((row) => row.kept),
    zero: sum((row) => row.zero),
    dropped: sum((row) => row.dropped),
    storedBytes: sum((row) => row.storedBytes),
    sampledBytes: sum((row) => row.sampled?.bytes ?? 0),
    sampledPages: sum((row) => (row.sampled === undefined ? 0 : row.pages)),
  };
}

/** Pages and bytes by kind: the figures of the picture. */
export function kindsSection(data: ReportData): Html {
  const { kinds, run } = data;
  const all = sumsOf(kinds);
  const rows = KIND_GROUPS.flatMap((group, i) => {
    const members = kinds.filter(({ kind }) => group.kinds.includes(kind));
    if (members.length === 0) return [];
    const swatch = html`<canvas class="swatch k-${group.id}" data-group="${i}" width="28" height="16" aria-hidden="true"></canvas>`;
    const head = html`<tr class="group"><th scope="row">${swatch}${group.label}</th>${cells(data, sumsOf(members), all)}</tr>`;
    if (members.length === 1) return [head];
    const ordered = [...members].sort((a, b) => b.pages - a.pages);
    return [
      head,
      ...ordered.map(
        (row) => html`<tr><th scope="row">${KIND_LABELS[row.kind]}</th>${cells(data, sumsOf([row]), all)}</tr>`,
      ),
    ];
  });
  const columns = columnsOf(data).map((name) => html`<th scope="col">${name}</th>`);
  const note =
    run === undefined
      ? "Sizes with zlib at level 1 are of all pages of a kind, from a sample of at most 512 pages each; pages of zeros count as nothing. Level 31 also lets pages of zeros share one page, which is not in the columns of pages."
      : `Bytes in the output are those of the pages' data${run.codec === "none" ? "" : `, compressed with ${run.codec}`}${run.sharedBytes > 0 ? `; equal pages are counted each, though sharing them saved ${formatBytes(run.sharedBytes)}` : ""}.`;
  return html`<section aria-labelledby="kinds"><h2 id="kinds">Kinds of pages</h2>
<div class="wide" tabindex="0" role="region" aria-labelledby="kinds"><table class="cards">
<thead><tr><th scope="col">Kind</th>${columns}</tr></thead>
<tbody>${rows}</tbody>
<tfoot><tr><th scope="row">All</th>${cells(data, all, all)}</tr></tfoot>
</table></div><p class="small">${note}</p></section>`;
}

/** Headings of the columns after the kind: on a narrow page each cell has its own. */
function columnsOf({ run }: ReportData): readonly string[] {
  return run === undefined
    ? [
        "Pages",
        "Share of memory",
        "Not in the dump",
        "Kept by level 31",
        "Dropped by it",
        "With zlib, about",
        "Bytes a page",
      ]
    : [
        "Pages",
        "Share of memory",
        "Not in the input",
        "Kept",
        "All zeros",
        "Dropped",
        "Bytes in the output",
        "Share of output",
        "Bytes a page",
      ];
}

function cells(data: ReportData, sums: Sums, all: Sums): Html {
  const { run, pageSize } = data;
  const start = [
    count(sums.pages),
    html`${bar(sums.pages / Math.max(1, all.pages))} ${percent(sums.pages, all.pages)}`,
    number(sums.absent),
  ];
  const values = run === undefined ? estimated(sums, pageSize) : written(sums, all, pageSize);
  const names = columnsOf(data);
  return html`${[...start, ...values].map((value, i) => html`<td data-label="${names[i] ?? ""}">${value}</td>`)}`;
}

function estimated(sums: Sums, pageSize: number): readonly (Html | string)[] {
  const none = sums.sampledPages === 0;
  const each = `${count(Math.round(sums.sampledBytes / sums.sampledPages))} (${percent(sums.sampledBytes, sums.sampledPages * pageSize)})`;
  return [number(sums.kept), number(sums.dropped), none ? "" : formatBytes(sums.sampledBytes), none ? "" : each];
}

function written(sums: Sums, all: Sums, pageSize: number): readonly (Html | string)[] {
  const each = `${count(Math.round(sums.storedBytes / sums.kept))} (${percent(sums.storedBytes, sums.kept * pageSize)})`;
  return [
    number(sums.kept),
    number(sums.zero),
    number(sums.dropped),
    sums.storedBytes === 0 ? "" : formatBytes(sums.storedBytes),
    html`${bar(sums.storedBytes / Math.max(1, all.storedBytes))} ${percent(sums.storedBytes, all.storedBytes)}`,
    sums.kept === 0 ? "" : each,
  ];
}

function number(value: number): string {
  return value === 0 ? "" : count(value);
}

const CLASSES: readonly (readonly [PageClass | PrivacyClass, string])[] = [
  ["kept", "kept"],
  ["zero", "pages of zeros"],
  ["cache", "page cache"],
  ["cache-private", "page cache with private data"],
  ["user", "user memory"],
  ["free", "free"],
  ["hwpoison", "memory errors"],
  ["offline", "offline"],
  ["unreferenced", "free, on CPUs' lists"],
  ["off-lru", "cache or user, on no list"],
  ["unknown", "not surely the kernel's"],
  ["no-struct-page", "without struct page"],
  ["device", "devices' memory"],
  ["crash-kernel", "the crash kernel's"],
];

/** Pages by the filter's own classes, which are makedumpfile's, in the order of its tests. */
export function classesSection({ run, wouldDrop, pageSize }: ReportData): Html {
  const classes = run?.classes ?? wouldDrop;
  if (classes === undefined) return NOTHING;
  const all = Object.values(classes).reduce((sum, pages) => sum + pages, 0);
  const rows = CLASSES.filter(([name]) => (classes[name] ?? 0) > 0).map(([name, label]) => {
    const pages = classes[name] ?? 0;
    return html`<tr><th scope="row">${label}</th><td>${count(pages)}</td><td>${formatBytes(pages * pageSize)}</td><td>${bar(pages / Math.max(1, all), name === "kept" ? "kept" : "")} ${percent(pages, all)}</td></tr>`;
  });
  const title = run === undefined ? "What level 31 would keep and drop" : "What was kept and dropped";
  const how =
    run === undefined
      ? "Classes as a filter run at level 31 counts them, before it looks for pages of zeros among the kept ones."
      : `Level ${run.level}${run.privacy ? ` with ${inWords(OPTION.privacy)}` : ""}${run.incomplete ? "; the output is incomplete" : ""}. A page of several classes counts once. Pages of zeros are those of no other class.`;
  return html`<section aria-labelledby="classes"><h2 id="classes">${title}</h2>
<div class="wide" tabindex="0" role="region" aria-labelledby="classes"><table><thead><tr><th scope="col">Class</th><th scope="col">Pages</th><th scope="col">Memory</th><th scope="col">Share</th></tr></thead><tbody>${rows}</tbody></table></div>
<p class="small">${how}</p></section>`;
}
