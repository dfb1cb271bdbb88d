import { DumpError } from "../../errors.js";
import type { Dump } from "../../reader/dump.js";
import type { FilterOutput, FilterResult, WholeFilterOptions } from "../../run/filter-dump.js";
import { shownUrl } from "../../shown-address.js";
import { Warnings } from "../../warnings.js";
import { type CommandContext, type CommandEnd, defineCommand } from "../command.js";
import { eraseFile } from "../erase-option.js";
import { completeOptions, spoolOptions } from "../input-options.js";
import { describeKept, filterIfWorth, minSavingOf } from "../min-saving.js";
import { needStdout } from "../need-stdout.js";
import { openInputs } from "../open-inputs.js";
import { type FilterRequest, filterRequest } from "../options/filter-request.js";
import type { OptionValues } from "../options/table.js";
import { printJson, printLines, printNote, printWarnings } from "../print.js";
import { progressDisplay } from "../progress.js";
import { describeResult, makedumpfileStats } from "../report.js";
import { openRecords, type RunRecords } from "../run-records.js";

type FilterCommandArguments = OptionValues<"filter"> & { readonly files: readonly string[] };

/** `coresieve DUMP… OUT`: filters a dump; with -g it writes the VMCOREINFO text and nothing else. */
export const filterCommand = defineCommand({
  name: "filter",
  about: {
    usage: `coresieve [filter] DUMP OUT [options]: filter a dump; OUT may be -, for stdout
coresieve [filter] -F DUMP [options]: the same, flattened to stdout for a pipe`,
    examples: "Example: coresieve vmcore small.kdump -d 31 -c",
  },
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
  checkStdout(request);
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const warnings = new Warnings({ strict: args.strict });
  const dump = await openNamed(args, request, warnings, signal);
  const progress = args.quiet ? undefined : progressDisplay(process.stderr, dump.pageSize);
  try {
    const records = await openRecords(args, request, signal, progress);
    const { level, fallbackLevels, sizeLimit, onFull, privacy, privacyExtra, privacyKeep } = request;
    const { format, codec, dedupe, excludeUnusedVmemmap, workers } = request;
    const options: WholeFilterOptions = {
      output: outputOf(args, request, records),
      spool: spoolOptions(args),
      ...{ level, fallbackLevels, onFull, ...(sizeLimit === undefined ? {} : { sizeLimit }) },
      ...{ privacy, privacyExtra, privacyKeep, format, codec, dedupe, excludeUnusedVmemmap },
      ...{ ...complete, ...(erase && { erase }), warnings, signal },
      ...(args.extension === undefined ? {} : { extension: { path: args.extension } }),
      workers: threads?.count === workers ? threads : workers,
      onProgress: (state) => {
        progress?.update(state);
        records.progress(state);
      },
      ...(records.observer && { observer: records.observer }),
    };
    const result = await filterIfWorth(dump, options, minSaving)
      .catch(async (error) => {
        throw await records.giveUp(error);
      })
      .finally(() => progress?.end());
    const stream = request.output === undefined ? process.stderr : process.stdout;
    if ("kept" in result) {
      await records.giveUp();
      if (args.json) printJson(result, 2, stream);
      else if (!args.quiet) printLines([describeKept(result)], stream);
      return undefined;
    }
    await records.write(dump, options, result, seconds);
    return printResult(args, request, dump, result, seconds(), stream);
  } finally {
    dump.close();
  }
}

/** Throws `BAD_OPTION` where the dump would go to a terminal, or to a stdout that is closed. */
function checkStdout({ inputs, output }: FilterRequest): void {
  if (output !== undefined) return;
  if (process.stdout.isTTY) {
    throw new DumpError("BAD_OPTION", "the dump should go to stdout, but stdout is a terminal", {
      cure: "Send it into a pipe or a file: `coresieve -F DUMP | ssh HOST 'cat > dump.flat'`",
    });
  }
  needStdout(inputs);
}

async function openNamed(
  args: FilterCommandArguments,
  { inputs, output, flatten }: FilterRequest,
  warnings: Warnings,
  signal: AbortSignal,
): Promise<Dump> {
  const digest = args.manifest !== undefined && args.manifestDigests !== "output";
  try {
    return await openInputs(inputs, warnings, { ...args, digest }, signal, args.quiet);
  } catch (error) {
    throw (await import("../mistaken-file.js")).mistakenFile(error, inputs, output, flatten);
  }
}

function outputOf(
  { force, sync }: FilterCommandArguments,
  { output, flatten, pack }: FilterRequest,
  { stdout, onNamed }: RunRecords,
): FilterOutput {
  if (output === undefined) return { stream: stdout, name: "stdout", plain: !flatten, pack };
  return { path: output, force, sync, pack, onNamed };
}

/** Prints what the run did: on stderr where stdout carries the dump. */
function printResult(
  args: FilterCommandArguments,
  request: FilterRequest,
  dump: Dump,
  result: FilterResult,
  seconds: number,
  stream: NodeJS.WriteStream,
): CommandEnd {
  const { flatten, pack, format } = request;
  const output = shownUrl(request.output ?? "stdout");
  const name = `${output}${flatten ? ", flattened" : ""}${pack === undefined ? "" : `, packed with ${pack}`}`;
  if (args.json) printJson({ ...result, seconds, output, packing: pack ?? null }, 2, stream);
  else if (!args.quiet) printLines(describeResult(dump, result, name, seconds), stream);
  // A configuration file may ask for them, too: then JSON stays JSON.
  if (args.showStats && !args.json) printLines(makedumpfileStats(result, format), stream);
  if (!args.quiet) printWarnings(result.warnings);
  if (result.full === undefined) return undefined;
  printNote(`${result.full}; what had room was left, marked incomplete`);
  return 1;
}
