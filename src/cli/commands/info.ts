import { DumpError } from "../../errors.js";
import { cpuCount } from "../../run/cpu-notes.js";
import { openSession, type Session } from "../../run/session.js";
import { type DumpWarning, Warnings } from "../../warnings.js";
import { type CommandAbout, defineCommand } from "../command.js";
import { describeFound, type FoundText, foundText } from "../found-texts.js";
import { completeOptions, type InputArguments } from "../input-options.js";
import { formatBytes, formatCount, plural } from "../numbers.js";
import { openInputs } from "../open-inputs.js";
import { printJson, printLines } from "../print.js";

/** Everything `coresieve info` tells, as it stands in its JSON. Sizes are bytes. */
export interface DumpInfo {
  readonly files: readonly string[];
  readonly fileSize: number;
  readonly format: string;
  readonly description: string;
  readonly flattened: boolean;
  readonly headerVersion: number | null;
  readonly parts: number;
  readonly codecs: readonly string[];
  readonly incomplete: boolean;
  readonly dumpLevel: number;
  readonly arch: string;
  readonly wordSize: number;
  readonly byteOrder: "little" | "big";
  readonly pageSize: number;
  readonly kernelRelease: string | null;
  readonly kernelVersion: string | null;
  readonly nodename: string | null;
  readonly buildId: string | null;
  /** ISO 8601. */
  readonly crashTime: string | null;
  readonly cpus: number;
  /** CPUs whose registers are in notes, or where a crash left them in memory. */
  readonly cpusWithRegisters: number;
  readonly memoryBytes: number;
  /** Physical ranges [start, end), hexadecimal. */
  readonly ranges: readonly (readonly [string, string])[];
  readonly notes: readonly { readonly name: string; readonly type: number; readonly size: number }[];
  readonly vmcoreinfo: Readonly<Record<string, string>> | null;
  /** Physical address, hexadecimal, where VMCOREINFO was found in memory; null if the dump has it itself. */
  readonly vmcoreinfoAddress: string | null;
  /** The file's notes and the texts in memory, the one taken first; null if the file's one note was believed. */
  readonly vmcoreinfoFound: readonly FoundText[] | null;
  readonly filtering: { readonly possible: boolean; readonly reason: string | null };
  readonly memoryModel: string | null;
  readonly warnings: readonly DumpWarning[];
}

const ABOUT: CommandAbout = {
  usage: "coresieve info DUMP... [options]: say what a dump is, and if it can be filtered",
  text: "Format, machine, kernel, memory ranges, notes, every item of VMCOREINFO.",
  examples: `Example
  coresieve info vmcore --json | jq -r .kernelRelease`,
};

/** `coresieve info DUMP…`: says what a dump is. */
export const infoCommand = defineCommand({
  name: "info",
  about: ABOUT,
  prints: true,
  run: (files, values, { signal }) => printInfo(files, values.json, values, signal),
});

async function printInfo(
  files: readonly string[],
  json: boolean,
  input: InputArguments,
  signal: AbortSignal,
): Promise<void> {
  if (files.length === 0)
    throw new DumpError("BAD_OPTION", "no dump was named", { cure: "Write `coresieve info DUMP`" });
  const warnings = new Warnings();
  const complete = await completeOptions(input);
  const dump = await openInputs(files, warnings, input, signal);
  try {
    const info = dumpInfo(openSession(dump, { ...complete, warnings }));
    if (json) printJson(info, 2);
    else printLines(describeInfo(info));
  } finally {
    dump.close();
  }
}

function dumpInfo({ dump, view, whyNoView, warnings }: Session): DumpInfo {
  const { header, machine, vmcoreinfo } = dump;
  const utsname = view?.utsname ?? (header.utsname?.release ? header.utsname : undefined);
  const counted = cpuCount({ dump, view });
  const seconds = header.timestamp ?? vmcoreinfo?.crashTime;
  return {
    files: dump.paths,
    fileSize: dump.fileSize,
    format: header.format === "kdump" ? "kdump-compressed" : header.format,
    description: header.description,
    flattened: header.flattened,
    headerVersion: header.headerVersion ?? null,
    parts: header.parts,
    codecs: header.codecs,
    incomplete: header.incomplete,
    dumpLevel: header.dumpLevel,
    arch: machine.arch,
    wordSize: machine.wordSize,
    byteOrder: machine.littleEndian ? "little" : "big",
    pageSize: dump.pageSize,
    kernelRelease: utsname?.release ?? vmcoreinfo?.osrelease ?? null,
    kernelVersion: utsname?.version ?? null,
    nodename: utsname?.nodename ?? null,
    buildId: vmcoreinfo?.buildId ?? null,
    crashTime: seconds === undefined ? null : new Date(seconds * 1000).toISOString(),
    cpus: counted.cpus,
    cpusWithRegisters: counted.withRegisters,
    memoryBytes: dump.ranges.reduce((sum, { start, end }) => sum + (end - start), 0),
    ranges: dump.ranges.map(({ start, end }) => [`0x${start.toString(16)}`, `0x${end.toString(16)}`] as const),
    notes: dump.notes.map(({ name, type, desc }) => ({ name, type, size: desc.length })),
    vmcoreinfo: vmcoreinfo === undefined ? null : Object.fromEntries(vmcoreinfo.items),
    vmcoreinfoAddress: dump.vmcoreinfoAddress === undefined ? null : `0x${dump.vmcoreinfoAddress.toString(16)}`,
    vmcoreinfoFound: dump.vmcoreinfoFound?.map(foundText) ?? null,
    filtering: { possible: view !== undefined, reason: whyNoView?.message ?? null },
    memoryModel: view?.memMap.model ?? null,
    warnings: warnings.list,
  };
}

function registersOf({ cpus, cpusWithRegisters }: DumpInfo): string {
  if (cpusWithRegisters === 0) return cpus === 1 ? "without registers" : "none with registers";
  return `${cpusWithRegisters} of them with registers`;
}

function describeInfo(info: DumpInfo): string[] {
  const lines: string[] = [];
  const row = (label: string, value: string) => lines.push(`${label.padEnd(14)}${value}`);
  row("File", `${info.files.join(", ")} (${formatBytes(info.fileSize)})`);
  row("Format", `${info.description}${info.incomplete ? ", incomplete" : ""}`);
  if (info.format !== "elf") row("Compression", info.codecs.length === 0 ? "none" : info.codecs.join(", "));
  if (info.format === "kdump-compressed") row("Dump level", `${info.dumpLevel}`);
  row(
    "Machine",
    `${info.arch}, ${info.wordSize * 8}-bit, ${info.byteOrder} endian, pages of ${info.pageSize / 1024} KiB`,
  );
  row("Kernel", info.kernelRelease === null ? "not known" : `${info.kernelRelease} ${info.kernelVersion ?? ""}`.trim());
  if (info.nodename !== null && info.nodename !== "") row("Host", info.nodename);
  if (info.buildId !== null) row("Build ID", info.buildId);
  row("Crash time", info.crashTime ?? "not known (a dump of a live machine has none)");
  row("CPUs", info.cpusWithRegisters === info.cpus ? `${info.cpus}` : `${info.cpus}, ${registersOf(info)}`);
  row("Memory", `${formatBytes(info.memoryBytes)} in ${plural(info.ranges.length, "range")}`);
  for (const [start, end] of info.ranges.slice(0, MAX_ROWS)) lines.push(`  ${start} - ${end}`);
  if (info.ranges.length > MAX_ROWS) lines.push(`  and ${formatCount(info.ranges.length - MAX_ROWS)} more (--json)`);
  const filtering = info.filtering;
  row("Filtering", filtering.possible ? `possible (${info.memoryModel})` : `not possible: ${filtering.reason}`);
  row("Notes", `${info.notes.length}`);
  for (const { name, type, size } of info.notes.slice(0, MAX_ROWS)) {
    lines.push(`  ${name} type 0x${type.toString(16)}, ${formatCount(size)} bytes`);
  }
  if (info.notes.length > MAX_ROWS) lines.push(`  and ${formatCount(info.notes.length - MAX_ROWS)} more (--json)`);
  if (info.vmcoreinfo === null) row("VMCOREINFO", "none");
  else {
    const from = info.vmcoreinfoAddress === null ? "" : `, not in a note but in memory at ${info.vmcoreinfoAddress}`;
    row("VMCOREINFO", `${plural(Object.keys(info.vmcoreinfo).length, "item")}${from}`);
    for (const [key, value] of Object.entries(info.vmcoreinfo)) lines.push(`  ${key}=${value}`);
  }
  lines.push(...describeFound(info.vmcoreinfoFound ?? [], MAX_ROWS));
  for (const { message, code, count } of info.warnings)
    lines.push(`Warning: ${message}${count > 1 ? ` (${count})` : ""} [${code}]`);
  return lines;
}

/** Ranges and notes shown to people; JSON has all of them. */
const MAX_ROWS = 32;
