import { formatBytes } from "../byte-size.js";
import { formatCount } from "../readable-count.js";
import { readableTime } from "../readable-time.js";
import { registersText } from "../run/cpu-notes.js";
import type { DumpInfo, TaskCounts } from "./dump-info.js";
import { describeFound } from "./found-texts.js";
import { formatSeconds, formatShare, plural } from "./numbers.js";

/** Parts of `coresieve info` that are shown in addition to the first screen. */
export interface InfoParts {
  readonly notes: boolean;
  readonly vmcoreinfo: boolean;
}

/** The most ranges, notes and texts that are shown to people; JSON has all of them. */
const MAX_ROWS = 32;
/** The most ranges on the first screen. */
const FEW_RANGES = 4;
/** A dump that keeps more than this share of its size does not really shrink. */
const HARDLY = 0.95;

/** `coresieve info` for people: one screen, and the requested parts. */
export function describeInfo(info: DumpInfo, parts: InfoParts): string[] {
  const lines: string[] = [];
  const row = (label: string, value: string) => lines.push(`${label.padEnd(14)}${value}`);
  row("File", `${info.files.join(", ")} (${formatBytes(info.fileSize)}${info.unpacked ? " when unpacked" : ""})`);
  row("Format", formatOf(info));
  if (info.cutOff !== null) {
    const { there, promised } = info.cutOff;
    row(
      "Cut off",
      `${formatShare(there, promised)} of its pages are there (${formatCount(there)} of ${formatCount(promised)})`,
    );
  }
  row(
    "Machine",
    `${info.arch}, ${info.wordSize * 8}-bit, ${info.byteOrder} endian, pages of ${info.pageSize / 1024} KiB, ${plural(info.cpus, "CPU")}${registersText({ cpus: info.cpus, withRegisters: info.cpusWithRegisters })}`,
  );
  row("Memory", `${formatBytes(info.memoryBytes)} in ${plural(info.ranges.length, "range")}${rangesOf(info)}`);
  row("Kernel", info.kernelRelease === null ? "not known" : `${info.kernelRelease} ${info.kernelVersion ?? ""}`.trim());
  if (info.nodename !== null && info.nodename !== "")
    row("Host", info.nodename === "(none)" ? "no name was set" : info.nodename);
  row(
    "Crash time",
    info.crashTime === null ? "not known (a dump of a live machine has none)" : readableTime(new Date(info.crashTime)),
  );
  for (const [label, text] of crashRows(info)) row(label, text);
  if (info.uptimeSeconds !== null) row("Uptime", `${formatSeconds(info.uptimeSeconds)} at the last line of the log`);
  if (info.tasks !== null) row("Tasks", tasksOf(info.tasks));
  const filtering = info.filtering;
  row("Filtering", filtering.possible ? `possible (${info.memoryModel})` : `not possible: ${filtering.reason}`);
  if (filtering.cure !== null) row("", filtering.cure);
  const size = shrinksTo(info);
  if (size !== undefined) row("Shrinks to", size);
  noteRows(info, parts, lines, row);
  for (const { message, code, count } of info.warnings)
    lines.push(`Warning: ${message}${count > 1 ? ` (${count})` : ""} [${code}]`);
  return lines;
}

function shrinksTo({ shrinksToBytes, fileSize, filtering }: DumpInfo): string | undefined {
  if (shrinksToBytes === null) return filtering.possible ? "`coresieve estimate` says" : undefined;
  // The size is an estimate, so small differences do not count.
  if (shrinksToBytes > HARDLY * fileSize) return "about its own size: it is filtered and compressed already";
  return `about ${formatBytes(shrinksToBytes)} (${formatShare(shrinksToBytes, fileSize)}) at level 31 with zlib`;
}

function tasksOf({ total, kernelThreads, running, uninterruptible }: TaskCounts): string {
  const blocked = uninterruptible === 0 ? "" : `, ${formatCount(uninterruptible)} blocked (D)`;
  return `${formatCount(total)}, ${formatCount(kernelThreads)} of them the kernel's own; ${formatCount(running)} running${blocked}`;
}

function formatOf({ format, description, codecs, dumpLevel, lacksStructPages, incomplete }: DumpInfo): string {
  const parts = [description];
  if (codecs.length > 0) parts.push(codecs.join(", "));
  // The whole file may still be packed.
  else if (format === "kdump-compressed") parts.push("pages not compressed");
  if (format === "kdump-compressed") parts.push(`dump level ${dumpLevel}`);
  if (lacksStructPages) parts.push("without struct pages of dropped pages");
  if (incomplete) parts.push("incomplete");
  return parts.join(", ");
}

function rangesOf({ ranges }: DumpInfo): string {
  const few = ranges.slice(0, FEW_RANGES).map(([start, end]) => `${start}-${end}`);
  if (few.length === 0) return "";
  return `: ${few.join(", ")}${ranges.length > few.length ? ` and ${formatCount(ranges.length - few.length)} more (--json)` : ""}`;
}

function crashRows({ crash, uptimeSeconds }: DumpInfo): readonly (readonly [string, string])[] {
  // The time of the crash may come from the log, too.
  if (crash === null && uptimeSeconds === null) return [["Crash", "not known: its log cannot be read"]];
  if (crash === null)
    return [["Crash", "its log has no panic: the machine ran, or the log was overwritten or is lost"]];
  const rows: [string, string][] = [["Crash", crash.reason]];
  if (crash.panic !== null) rows.push(["", crash.panic]);
  const where = [
    crash.comm === null ? undefined : `task ${crash.comm} (pid ${crash.pid})`,
    crash.cpu === null ? undefined : `CPU ${crash.cpu}`,
    crash.at === null ? undefined : `in ${crash.at}`,
  ].filter((one) => one !== undefined);
  if (where.length > 0) rows.push(["", where.join(", ")]);
  return rows;
}

function noteRows(
  info: DumpInfo,
  parts: InfoParts,
  lines: string[],
  row: (label: string, value: string) => unknown,
): void {
  row("Notes", `${info.notes.length}${parts.notes || info.notes.length === 0 ? "" : " (--notes lists them)"}`);
  if (parts.notes) {
    for (const { typeName, size } of info.notes.slice(0, MAX_ROWS)) {
      lines.push(`  ${typeName}, ${formatCount(size)} bytes`);
    }
    if (info.notes.length > MAX_ROWS) lines.push(`  and ${formatCount(info.notes.length - MAX_ROWS)} more (--json)`);
  }
  if (info.vmcoreinfo === null) row("VMCOREINFO", "none");
  else {
    const from = info.vmcoreinfoAddress === null ? "" : `, not in a note but in memory at ${info.vmcoreinfoAddress}`;
    const more = parts.vmcoreinfo ? "" : " (--vmcoreinfo-text shows them)";
    row("VMCOREINFO", `${plural(Object.keys(info.vmcoreinfo).length, "item")}${from}${more}`);
    if (parts.vmcoreinfo) for (const [key, value] of Object.entries(info.vmcoreinfo)) lines.push(`  ${key}=${value}`);
  }
  if (info.buildId !== null) row("Build ID", info.buildId);
  lines.push(...describeFound(info.vmcoreinfoFound ?? [], MAX_ROWS));
}
