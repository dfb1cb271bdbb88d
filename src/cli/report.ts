import { formatBytes } from "../byte-size.js";
import type { PageClass } from "../filter/page-classes.js";
import { keptReasons } from "../filter/privacy/kept-reasons.js";
import { formatCount } from "../readable-count.js";
import type { Dump } from "../reader/dump.js";
import type { FilterResult } from "../run/filter-dump.js";
import type { OutputFormat } from "../writer/output-format.js";
import { CLASS_LABELS } from "./class-labels.js";
import { formatSeconds, formatShare } from "./numbers.js";
import { remainRows } from "./remains.js";

/** The result of a run for people, as lines. */
export function describeResult(dump: Dump, result: FilterResult, output: string, seconds: number): string[] {
  const { classes, inputPages } = result;
  const kernel = result.kernelRelease === undefined ? "not known" : `Linux ${result.kernelRelease}`;
  const model = result.memoryModel === undefined ? "" : `, ${result.memoryModel}`;
  const row: Row = (label, pages, more) => `  ${label.padEnd(26)}${formatCount(pages).padStart(14)}  ${more}`;
  const rows = CLASS_LABELS.filter(([name]) => name !== "kept" && (classes[name] ?? 0) > 0).map(([name, label]) =>
    row(label, classes[name] ?? 0, formatShare(classes[name] ?? 0, inputPages)),
  );
  // Pages without room are kept by the level, and are not in the file.
  const there = classes.kept - result.notWritten;
  rows.push(row("kept", there, formatShare(there, inputPages)));
  if (result.privacy !== undefined) rows.push(...keptRows(result.privacy, result, row));
  else if (result.unclassified > 0) rows.push(row("of them not classified", result.unclassified, "kept"));
  if (result.extension !== undefined && result.extension.kept > 0) {
    rows.push(row("of them for the extension", result.extension.kept, "kept"));
  }
  const { shared } = result;
  if (shared !== undefined) rows.push(row("of them stored once", shared.pages, `saves ${formatBytes(shared.bytes)}`));
  if (result.notWritten > 0) rows.push(row("no room for", result.notWritten, "lost"));
  if (result.filteredBefore !== undefined) rows.push(filteredRow(result.filteredBefore, dump.header.incomplete));
  if (result.beyondMemMap > 0) rows.push(row("firmware, not RAM", result.beyondMemMap, "left out"));
  if (result.unreadable > 0) rows.push(row("unreadable", result.unreadable, "left out"));
  if (result.privacy !== undefined) rows.push(...privacyRows(result.privacy, row));
  if (result.erase !== undefined) rows.push(...eraseRows(result.erase));
  return [
    `Dump    ${dump.paths.join(", ")}: ${dump.header.description}`,
    `Kernel  ${kernel}, ${result.arch}${model}`,
    `Pages   ${formatCount(inputPages)}, ${dump.pageSize / 1024} KiB each`,
    ...rows,
    `Size    ${formatBytes(result.inputBytes)} before, ${formatBytes(result.outputBytes)} after (${formatShare(result.outputBytes, result.inputBytes)})${holes(result)}${unpacked(result)}`,
    ...memoryRow(result),
    ...storeRows(result),
    `Time    ${formatSeconds(seconds)}`,
    `Output  ${output}${result.incomplete ? ", marked incomplete" : ""}`,
  ];
}

/** The pages that the input lacks. In an incomplete input, dropped and lost pages cannot be distinguished. */
function filteredRow({ pages, classes }: NonNullable<FilterResult["filteredBefore"]>, incomplete: boolean): string {
  const parts = CLASS_LABELS.filter(([name]) => name !== "kept" && (classes[name] ?? 0) > 0).map(
    ([name, label]) => `${label} ${formatCount(classes[name] ?? 0)}`,
  );
  if (parts.length > 0 && classes.kept > 0) parts.push(`other ${formatCount(classes.kept)}`);
  const of = parts.length === 0 ? "" : ` (${parts.join(", ")})`;
  return `  ${(incomplete ? "missing" : "filtered before").padEnd(26)}${formatCount(pages).padStart(14)}  not in the input${of}`;
}

/** Bytes that were transferred from and to stores. */
function storeRows({ fetched, upload }: FilterResult): string[] {
  const rows: string[] = [];
  if (fetched !== undefined) {
    const { bytes, of, requests } = fetched;
    rows.push(
      `Fetched ${formatBytes(bytes)} of ${formatBytes(of)} (${formatShare(bytes, of)}) in ${formatCount(requests)} requests`,
    );
  }
  if (upload !== undefined) {
    const { parts, resumed, bytesSent } = upload;
    const there = resumed === 0 ? "" : `; ${formatCount(resumed)} of ${formatCount(parts)} parts were there already`;
    rows.push(`Sent    ${formatBytes(bytesSent)} in ${formatCount(parts - resumed)} parts${there}`);
  }
  return rows;
}

/** The most ranges of memory that are shown; JSON has all. */
const MOST_RANGES = 12;

function holes({ holeBytes }: FilterResult): string {
  return holeBytes === undefined ? "" : `; ${formatBytes(holeBytes)} of it are holes`;
}

/** Where bare memory has memory: the file itself does not show it. */
function memoryRow({ memory }: FilterResult): string[] {
  if (memory === undefined) return [];
  const shown = memory.slice(0, MOST_RANGES).map(({ start, end }) => `0x${start.toString(16)}-0x${end.toString(16)}`);
  const more = memory.length > MOST_RANGES ? ` and ${formatCount(memory.length - MOST_RANGES)} ranges more` : "";
  return [`Memory  ${shown.join(", ")}${more}; read again with --raw 0`];
}

function unpacked({ unpackedBytes }: FilterResult): string {
  return unpackedBytes === undefined ? "" : `; ${formatBytes(unpackedBytes)} when unpacked`;
}

type Row = (label: string, pages: number, more: string) => string;

/** Why pages are kept with --privacy: the rows add up to the kept pages. */
function keptRows(
  privacy: NonNullable<FilterResult["privacy"]>,
  { classes, notWritten }: FilterResult,
  row: Row,
): string[] {
  const { reserved, slab, known, stack, percpu, zeros, later } = keptReasons(privacy, classes);
  return [
    row("  reserved at boot", reserved, "kept"),
    row("  slab", slab, "kept"),
    row("  tables, modules, stacks", known + stack + percpu, "kept"),
    ...(zeros === 0 ? [] : [row("  of these, all zeros", zeros, "counted as zero pages")]),
    ...(later === 0 ? [] : [row("  changed afterwards", later, "by an extension, or as unused struct pages")]),
    ...(notWritten === 0 ? [] : [row("  of these, no room for", 0 - notWritten, "lost")]),
  ];
}

/** What was overwritten with --privacy, and what it cannot guarantee. */
function privacyRows({ clearedNotes, overwritten, strict, remains }: NonNullable<FilterResult["privacy"]>, row: Row) {
  return [
    ...(clearedNotes > 0 ? [row("notes with registers", clearedNotes, "cleared")] : []),
    ...Object.entries(overwritten).map(([kind, { objects, bytes }]) =>
      row(kind, objects, `overwritten, ${formatBytes(bytes)}`),
    ),
    ...(strict?.bytes === undefined
      ? []
      : [`  ${"strict".padEnd(26)}${"".padStart(14)}  overwritten, ${formatBytes(strict.bytes)}`]),
    ...remainRows(remains, "--json"),
  ];
}

/** The most rules that are shown; JSON has all. */
const MOST_RULES = 40;

/** The bytes that each rule overwrote. */
function eraseRows({ rules, bytes, overwritten }: NonNullable<FilterResult["erase"]>): string[] {
  const amount = (all: number, written: number) =>
    written === all ? formatBytes(all) : `${formatBytes(all)}, ${formatBytes(written)} of it in kept pages`;
  return [
    `  erased: ${amount(bytes, overwritten)}`,
    ...rules
      .slice(0, MOST_RULES)
      .map(
        ({ rule, objects, ...rest }) => `    ${rule}: ${formatCount(objects)}, ${amount(rest.bytes, rest.overwritten)}`,
      ),
    ...(rules.length > MOST_RULES ? [`    and ${formatCount(rules.length - MOST_RULES)} rules more`] : []),
  ];
}

/** Pages of the machine by class, as makedumpfile counts them: including pages that an earlier filter run dropped. */
export function allPages({ classes, inputPages, beyondMemMap, filteredBefore }: FilterResult) {
  const of = (name: PageClass) => classes[name] + (filteredBefore?.classes[name] ?? 0);
  return {
    original: inputPages - beyondMemMap + (filteredBefore?.pages ?? 0),
    ...{ zero: of("zero"), cache: of("cache"), "cache-private": of("cache-private"), user: of("user") },
    ...{ free: of("free"), hwpoison: of("hwpoison"), offline: of("offline") },
  };
}

/** The lines of makedumpfile's --show-stats, with the same wording, for scripts that parse them. */
export function makedumpfileStats(result: FilterResult, format: OutputFormat): string[] {
  const { maxMapnr, classes: found } = result;
  const { original, ...classes } = allPages(result);
  const excluded = original - found.kept;
  const hex = (count: number) => `0x${count.toString(16).padStart(16, "0")}`;
  const elf = (count: number) => (format === "elf" ? [`     in ELF format : ${hex(count)}`] : []);
  return [
    "",
    `Original pages  : ${hex(original)}`,
    `  Excluded pages   : ${hex(excluded)}`,
    ...elf(excluded),
    `    Pages filled with zero  : ${hex(classes.zero)}`,
    `    Non-private cache pages : ${hex(classes.cache)}`,
    `    Private cache pages     : ${hex(classes["cache-private"])}`,
    `    User process data pages : ${hex(classes.user)}`,
    `    Free pages              : ${hex(classes.free)}`,
    `    Hwpoison pages          : ${hex(classes.hwpoison)}`,
    `    Offline pages           : ${hex(classes.offline)}`,
    `  Remaining pages  : ${hex(found.kept)}`,
    ...elf(found.kept),
    ...(original > 0 ? [`  (The number of pages is reduced to ${Math.floor((found.kept * 100) / original)}%.)`] : []),
    `Memory Hole     : ${hex(maxMapnr - original)}`,
    "--------------------------------------------------",
    `Total pages     : ${hex(maxMapnr)}`,
    `Write bytes     : ${result.outputBytes}`,
    "",
  ];
}
