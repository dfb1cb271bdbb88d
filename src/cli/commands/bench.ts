import { statSync } from "node:fs";
import { tmpdir } from "node:os";
import { benchDump } from "../../bench/bench-dump.js";
import { findMakedumpfile } from "../../bench/contestants.js";
import { benchReport } from "../../bench/report.js";
import { CODEC_NAMES } from "../../codec/codecs.js";
import { DumpError } from "../../errors.js";
import { MAX_LEVEL } from "../../filter/policy.js";
import { foreignLines } from "../../foreign-text.js";
import { packageVersion } from "../../package-version.js";
import { Warnings } from "../../warnings.js";
import { standardThreads } from "../../worker/threads.js";
import { type CommandContext, defineCommand } from "../command.js";
import { completeOptions } from "../input-options.js";
import { needDump, openInputs } from "../open-inputs.js";
import { INPUT_OPTIONS, KERNEL_OPTIONS, SPOOL_OPTIONS } from "../options/input.js";
import { camelCase, type OptionValues } from "../options/table.js";
import { printJson, printNote, printOwn } from "../print.js";

type Values = OptionValues<"bench">;

/** `coresieve bench DUMP…`: measures a user's own dump. */
export const benchCommand = defineCommand({
  name: "bench",
  about: {
    usage: "coresieve bench DUMP... [options]: how fast this machine filters a dump",
    text: `Measures the stages of a run one by one (reading, page scan, zero test, each
codec, writing), then whole runs of this program, each several times, and
prints tables in Markdown. Outputs go to a folder that is removed.`,
    examples: `Example
  coresieve bench vmcore --against makedumpfile --codec zlib,zstd`,
  },
  run: bench,
});

async function bench(files: readonly string[], values: Values, { signal }: CommandContext): Promise<void> {
  needDump(files, "coresieve bench DUMP");
  const levels = once(values.level ?? [MAX_LEVEL]);
  const workers = once(values.workers ?? [1, standardThreads()]);
  const runs = values.runs ?? 5;
  const threads = values.againstThreads ?? 2;
  const codecs = once(values.codec ?? CODEC_NAMES);
  const complete = await completeOptions(values);
  const reference = values.against === undefined ? undefined : findMakedumpfile(values.against);
  for (const file of files) checkFile(file);
  const dump = await openInputs(files, new Warnings(), values, signal, values.quiet);
  try {
    const result = await benchDump(dump, {
      files,
      ...{ levels, codecs, workers, runs, reference, threads, complete, signal },
      inputArgs: inputArgs(values),
      warmUps: 1,
      stages: !values.noStages,
      parent: values.folder ?? tmpdir(),
      version: packageVersion(),
      ...(values.quiet ? {} : { say: (text) => printNote(text) }),
    });
    if (values.json) printJson(result, 1);
    else printOwn(foreignLines(benchReport(result, [])));
  } finally {
    dump.close();
  }
}

/** Refuses pipes, because each run reads the dump again. A missing file is reported when it is opened. */
function checkFile(file: string): void {
  const found = file === "-" ? undefined : statSync(file, { throwIfNoEntry: false });
  if (file !== "-" && (found === undefined || found.isFile())) return;
  throw new DumpError("BAD_OPTION", "is not a plain file, and a benchmark reads the dump many times", {
    file: file === "-" ? "stdin" : file,
    cure: "Name a file",
  });
}

/** The options about the input, as words of a command line. */
function inputArgs(values: Values): string[] {
  const options = [...INPUT_OPTIONS, ...SPOOL_OPTIONS, ...KERNEL_OPTIONS];
  return options.flatMap(({ name }) => {
    const value = (values as Readonly<Record<string, unknown>>)[camelCase(name)];
    if (value === undefined || value === false) return [];
    return value === true ? [`--${name}`] : [`--${name}=${String(value)}`];
  });
}

/** The elements without repetitions, in order. */
function once<T>(list: readonly T[]): T[] {
  return [...new Set(list)];
}
