import { onlyGiven } from "../../only-given.js";
import { formatCount } from "../../readable-count.js";
import { type VerifyResult, verifyDump } from "../../verify/verify-dump.js";
import { standardThreads } from "../../worker/threads.js";
import { CLASS_LABELS } from "../class-labels.js";
import { type CommandContext, type CommandEnd, defineCommand } from "../command.js";
import { completeOptions, openOptions } from "../input-options.js";
import { formatShare } from "../numbers.js";
import { needDump } from "../open-inputs.js";
import type { OptionValues } from "../options/table.js";
import { printJson, printLines } from "../print.js";
import { progressDisplay } from "../progress.js";

/** A better copy may have what such a dump lacks. */
const LACKS_A_PART = ["cut-off", "incomplete", "missing-page"] as const;

/** `coresieve verify DUMP…`: reports what is wrong with a dump, and how much of it is usable. */
export const verifyCommand = defineCommand({
  name: "verify",
  about: {
    usage: "coresieve verify DUMP... [options]: say what is wrong with a dump",
    text: `Headers, bitmaps, page descriptors, notes; every page is read and decoded; the
kernel must be found where VMCOREINFO says. Of a damaged dump it says how much
can be used (coresieve --salvage).`,
    examples: `Examples
  coresieve verify small.kdump
  coresieve verify small.kdump --against vmcore --json
  coresieve verify out.kdump --manifest out.json --key owner.pub
Exit code: 0 nothing is wrong, 1 something is, 2 wrong command line.`,
  },
  run: (files, values, context) => runVerify(files, values, context),
});

async function runVerify(
  files: readonly string[],
  args: OptionValues<"verify">,
  { signal }: CommandContext,
): Promise<CommandEnd> {
  needDump(files, "coresieve verify DUMP");
  const { salvage: _, ...open } = openOptions(args);
  const progress = args.quiet || args.json ? undefined : progressDisplay(process.stderr, 4096);
  const result = await verifyDump(files, {
    ...(await completeOptions(args)),
    open,
    ...onlyGiven({ against: args.against, manifest: args.manifest, audit: args.audit, key: args.key }),
    maxFindings: args.findings ?? 10,
    workers: args.numThreads ?? standardThreads(),
    signal,
    onProgress: (state) => progress?.update(state),
  }).finally(() => progress?.end());
  if (args.json) printJson(result, 2);
  else printLines(describeVerified(result));
  return result.whole ? undefined : 1;
}

function describeManifest({ file, name, sameFile, sameInput }: NonNullable<VerifyResult["manifest"]>): string {
  const details = [
    ...(sameFile === undefined ? [] : [sameFile ? "this file" : "another file"]),
    ...(sameInput === undefined ? [] : [sameInput ? "made from this original" : "made from another original"]),
  ];
  return `${file}: of ${name}${details.length > 0 ? `, ${details.join(", ")}` : ""}`;
}

function describeAuditCheck({ file, sameFile, clean }: NonNullable<VerifyResult["audit"]>): string {
  const of = sameFile === undefined ? "" : sameFile ? ", of this file" : ", of another file";
  return `${file}: ${clean ? "nothing was found" : "something was found"}${of}`;
}

/** The findings for people. */
function describeVerified(result: VerifyResult): string[] {
  const { promised, readable, zeros, counts, comparison } = result;
  const ofZeros = zeros > 0 ? `, ${formatCount(zeros)} of them all zeros` : "";
  const lines = [
    `Dump      ${result.files.join(", ")}: ${result.description ?? "unusable headers"}`,
    `Pages     ${formatCount(readable)} of ${formatCount(promised)} can be read (${formatShare(readable, promised)})${ofZeros}`,
  ];
  if (result.kernelRelease !== undefined) {
    const symbols = `${result.symbolsFound} of ${result.symbols} addresses of VMCOREINFO lead to memory that is there`;
    lines.push(`Kernel    Linux ${result.kernelRelease}${result.symbols > 0 ? `; ${symbols}` : ""}`);
  }
  if (result.manifest !== undefined) lines.push(`Manifest  ${describeManifest(result.manifest)}`);
  if (result.audit !== undefined) lines.push(`Audit     ${describeAuditCheck(result.audit)}`);
  if (result.signed !== undefined) lines.push(`Signed    ${result.signed ? "yes, by the owner of the key" : "no"}`);
  for (const what of result.notChecked) lines.push(`Not checked: ${what}`);
  if (comparison !== undefined) {
    const { same, different, erased, unknown, missing, classes, beyondMemMap, level, privacy } = comparison;
    lines.push(
      `Original  ${comparison.original.join(", ")}`,
      `  ${"the same".padEnd(26)}${formatCount(same).padStart(14)}`,
      `  ${"different".padEnd(26)}${formatCount(different).padStart(14)}`,
      ...(erased > 0 ? [`  ${"the same but for erased".padEnd(26)}${formatCount(erased).padStart(14)}`] : []),
      `  ${"not in the original".padEnd(26)}${formatCount(unknown).padStart(14)}`,
      `  ${"missing".padEnd(26)}${formatCount(missing).padStart(14)}  of them:`,
    );
    for (const [name, label] of CLASS_LABELS) {
      const count = classes?.[name] ?? 0;
      if (count > 0 && name !== "kept") lines.push(`    ${label.padEnd(24)}${formatCount(count).padStart(14)}`);
    }
    if (beyondMemMap > 0) lines.push(`    ${"firmware, not RAM".padEnd(24)}${formatCount(beyondMemMap).padStart(14)}`);
    const rest = counts["lost-page"] ?? 0;
    lines.push(
      `    ${(privacy ? "kept by --privacy" : `kept at level ${level}`).padEnd(24)}${formatCount(rest).padStart(14)}`,
    );
    // A dump that has all pages of its original and more cannot have been made from it: the two names are exchanged.
    if (unknown > 0 && missing === 0 && different === 0) {
      lines.push("  The names may be the wrong way round: `coresieve verify SMALL --against ORIGINAL`");
    }
  }
  lines.push(...describeFindings(result));
  return lines;
}

/** What is wrong, and what to do about it. */
function describeFindings(result: VerifyResult): string[] {
  const { files, counts, findings } = result;
  const lines = findings.map(({ kind, message, file, offset, pfn }) => {
    const where = [
      ...(pfn === undefined ? [] : [`pfn 0x${pfn.toString(16)}`]),
      ...(offset === undefined ? [] : [`byte ${offset}`]),
    ].join(", ");
    const name = files.length > 1 && file !== undefined ? `${file}: ` : "";
    return `${kind.padEnd(16)}${name}${where === "" ? "" : `${where}: `}${message}`;
  });
  const kinds = Object.entries(counts).filter(([, count]) => count > 0);
  if (kinds.length === 0) return ["Result    nothing is wrong"];
  lines.push(
    `Result    something is wrong: ${kinds.map(([kind, count]) => `${formatCount(count)} ${kind}`).join(", ")}`,
  );
  if (LACKS_A_PART.some((kind) => (counts[kind] ?? 0) > 0)) lines.push(`To do     ${whatToDo(result)}`);
  return lines;
}

/** What to do about a dump that lacks a part. */
function whatToDo({ readable, promised, counts }: VerifyResult): string {
  if (readable === 0) return "copy it again from where it was made: no page of it can be read";
  const isCut = (counts["cut-off"] ?? 0) > 0 || readable < promised;
  return isCut
    ? "copy it again from where it was made; `coresieve --salvage DUMP OUT -d 1` keeps what is there"
    : "it was made as a part of a dump, and all of that part is there: if the original still exists, copy that";
}
