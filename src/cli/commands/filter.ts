import { existsSync } from "node:fs";
import { DumpError, NOTHING_LEFT } from "../../errors.js";
import type { WholeFilterOptions } from "../../run/filter-dump.js";
import { shownUrl } from "../../store/http-url.js";
import { isStorePath } from "../../store/store-url.js";
import { Warnings } from "../../warnings.js";
import { abandoned } from "../../writer/abandoned.js";
import { isHttpOutput } from "../../writer/part-urls.js";
import { type CommandAbout, type CommandContext, type CommandEnd, defineCommand } from "../command.js";
import { eraseFile } from "../erase-option.js";
import { completeOptions, spoolOptions } from "../input-options.js";
import type { ManifestArguments } from "../manifest-option.js";
import { describeKept, filterIfWorth, minSavingOf } from "../min-saving.js";
import { needStdout } from "../need-stdout.js";
import { openInputs } from "../open-inputs.js";
import { type FilterRequest, filterRequest } from "../options/filter-request.js";
import type { OptionValues } from "../options/table.js";
import { printJson, printLines, printNote } from "../print.js";
import { printWarnings } from "../print-warnings.js";
import { progressDisplay } from "../progress.js";
import { describeResult, makedumpfileStats } from "../report.js";
import type { ReportArguments } from "../report-option.js";

const ABOUT: CommandAbout = {
  usage: `coresieve [filter] DUMP OUT [options]: filter a dump; OUT may be -, for stdout
coresieve [filter] -F DUMP [options]: the same, flattened to stdout for a pipe`,
  examples: "Example: coresieve vmcore small.kdump -d 31 -c",
};

type FilterCommandArguments = OptionValues<"filter"> & { readonly files: readonly string[] };

/** `coresieve DUMP… OUT`: filters a dump; with -g it writes the VMCOREINFO text and nothing else. */
export const filterCommand = defineCommand({
  name: "filter",
  about: ABOUT,
  run: async (files, values, context) => {
    if (values.writeVmcoreinfo === undefined) return runFilter({ ...values, files }, context);
    const { writeVmcoreinfo } = await import("./write-vmcoreinfo.js");
    return writeVmcoreinfo({ ...values, files, writeVmcoreinfo: values.writeVmcoreinfo }, context.signal);
  },
});

async function runFilter(args: FilterCommandArguments, { signal, threads }: CommandContext): Promise<CommandEnd> {
  const request = filterRequest(args);
  const minSaving = minSavingOf(args.minSaving, request);
  const complete = await completeOptions(args);
  const erase = await eraseFile(args);
  const { fallbackLevels, sizeLimit, onFull } = request;
  const { inputs, output, flatten, pack, level, privacy, privacyExtra, privacyKeep, codec, dedupe, format, workers } =
    request;
  if (output === undefined && process.stdout.isTTY) {
    throw new DumpError("BAD_OPTION", "the dump should go to stdout, but stdout is a terminal", {
      cure: "Send it into a pipe or a file: `coresieve -F DUMP | ssh HOST 'cat > dump.flat'`",
    });
  }
  if (output === undefined) needStdout(inputs);
  // Where stdout carries the dump, everything said goes to stderr.
  const told = output === undefined ? process.stderr : process.stdout;
  const say = (lines: readonly string[]) => printLines(lines, told);
  const started = performance.now();
  const warnings = new Warnings({ strict: args.strict });
  const digest = args.manifest !== undefined && args.manifestDigests !== "output";
  const dump = await openInputs(inputs, warnings, { ...args, digest }, signal, args.quiet).catch(async (error) => {
    throw (await import("../mistaken-file.js")).mistakenFile(error, inputs, flatten);
  });
  const progress = args.quiet ? undefined : progressDisplay(process.stderr, dump.pageSize);
  try {
    const manifest = await openManifest(args, inputs, request, signal);
    const report = await openReport(args, inputs, output).catch(async (error) => {
      throw await abandoned(error, manifest);
    });
    const stream = manifest?.stream ?? process.stdout;
    const options: WholeFilterOptions = {
      output:
        output === undefined
          ? { stream, name: "stdout", plain: !flatten, pack }
          : { path: output, force: args.force, sync: args.sync, pack },
      spool: spoolOptions(args),
      ...{
        level,
        privacy,
        privacyExtra,
        privacyKeep,
        format,
        codec,
        dedupe,
        excludeUnusedVmemmap: request.excludeUnusedVmemmap,
        warnings,
        signal,
        ...complete,
        ...(erase && { erase }),
      },
      workers: threads?.count === workers ? threads : workers,
      ...(args.extension === undefined ? {} : { extension: { path: args.extension } }),
      ...{ fallbackLevels, onFull, ...(sizeLimit === undefined ? {} : { sizeLimit }) },
      onProgress: (state) => {
        progress?.update(state);
        report?.recorder.progress(state);
      },
      ...(report && { observer: report.recorder }),
    };
    const result = await filterIfWorth(dump, options, minSaving)
      .catch(async (error) => {
        throw await abandoned(error, manifest, report);
      })
      .finally(() => progress?.end());
    if ("kept" in result) {
      await manifest?.abort();
      await report?.abort();
      if (args.json) printJson(result, 2, told);
      else if (!args.quiet) say([describeKept(result)]);
      return undefined;
    }
    const digesting = (done: number, total: number) =>
      progress?.update({ phase: "digest", done: done / dump.pageSize, total: total / dump.pageSize });
    const recorded = manifest?.write(dump, options, result, digesting).finally(() => progress?.end());
    await recorded?.catch(async (error) => {
      throw await abandoned(standing(error, result.incomplete, [shownUrl(output ?? "stdout")]), report);
    });
    const seconds = (performance.now() - started) / 1000;
    await report?.write(dump, options, result, seconds).catch((error) => {
      throw standing(error, result.incomplete, [
        shownUrl(output ?? "stdout"),
        ...(args.manifest ? [args.manifest] : []),
      ]);
    });
    const packing = pack ?? null;
    if (args.json) printJson({ ...result, seconds, output: shownUrl(output ?? "stdout"), packing }, 2, told);
    else if (!args.quiet) say(describeResult(dump, result, outputName(request), seconds));
    if (args.showStats) say(makedumpfileStats(result, format));
    if (!args.quiet) printWarnings(result.warnings);
    if (result.full !== undefined) {
      printNote(`${result.full}; what had room was left, marked incomplete`);
      return 1;
    }
    return undefined;
  } finally {
    dump.close();
  }
}

/** The error of what comes after the dump: the dump stays, and so does the manifest. */
function standing(error: unknown, incomplete: boolean, there: readonly string[]): unknown {
  const [dump = "", ...others] = there;
  if (!(error instanceof DumpError)) return error;
  // Somebody else may have removed it, or moved its folder.
  if (dump !== "stdout" && !isStorePath(dump) && !isHttpOutput(dump) && !existsSync(dump))
    return error.left === NOTHING_LEFT ? error.with({ left: undefined }) : error;
  const how = incomplete ? "marked incomplete" : "whole";
  const more = others.map((name) => `, and so is ${name}`).join("");
  const before = error.left === undefined || error.left === NOTHING_LEFT ? "" : `; ${error.left}`;
  return error.with({ left: `the dump is there, ${how}: ${dump}${more}${before}` });
}

function outputName({ output, flatten, pack }: FilterRequest): string {
  const more = [flatten ? ", flattened" : "", pack === undefined ? "" : `, packed with ${pack}`];
  return `${shownUrl(output ?? "stdout")}${more.join("")}`;
}

/** Loads what writes manifests only where one is asked for, or something of one. */
async function openManifest(
  args: ManifestArguments,
  inputs: readonly string[],
  request: FilterRequest,
  signal: AbortSignal,
) {
  if ((args.manifest ?? args.manifestDigests ?? args.sign) === undefined) return undefined;
  return (await import("../manifest-option.js")).manifestWriter(args, inputs, request, signal);
}

/** The same of reports. */
async function openReport(args: ReportArguments, inputs: readonly string[], output: string | undefined) {
  if (args.report === undefined) return undefined;
  return (await import("../report-option.js")).reportWriter(args.report, args, inputs, output);
}
