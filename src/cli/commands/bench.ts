import { statSync } from "node:fs";
import { tmpdir } from "node:os";
import { benchDump } from "../../bench/bench-dump.js";
import { findMakedumpfile } from "../../bench/contestants.js";
import { benchReport } from "../../bench/report.js";
import { CODEC_NAMES, type CodecName } from "../../codec/codecs.js";
import { DumpError } from "../../errors.js";
import { MAX_LEVEL } from "../../filter/policy.js";
import { foreignLines } from "../../foreign-text.js";
import { packageVersion } from "../../package-version.js";
import { Warnings } from "../../warnings.js";
import { MAX_THREADS, standardThreads } from "../../worker/threads.js";
import { type CommandContext, defineCommand, FLAG, type OptionValues, VALUE } from "../command.js";
import { INPUT_HELP } from "../input-help.js";
import { completeOptions, INPUT_OPTIONS } from "../input-options.js";
import { openInputs } from "../open-inputs.js";
import { printJson, printNote, printOwn } from "../print.js";

const HELP = `coresieve bench DUMP... [options]: how fast this machine filters a dump

Measures the stages of a run one by one (reading, page scan, zero test, each
codec, writing), then whole runs of this program, each several times, and
prints tables in Markdown. Outputs go to a folder that is removed.

  -d, --level LIST         levels: 31,1 (if nothing is said: 31)
      --codec LIST         codecs: none,lzo (if nothing is said: all)
      --workers LIST       worker threads: 1,2,4 (if nothing is said: 1, and one
                           per core)
      --runs N             runs of each, after one that does not count (default
                           5; 3 at most where one takes over 30 s; 0: none)
      --against PROGRAM    makedumpfile, or its path: run it in turn with ours
      --against-threads N  its --num-threads, beside one thread (default 2)
      --folder DIR         where outputs go (default: the temporary folder); it
                           needs room for one
      --no-stages          whole runs only
      --json               print the figures as JSON
  -q, --quiet              do not say what is being measured
  -v, --version            print the version
  -h, --help               print this text
${INPUT_HELP}

Example
  coresieve bench vmcore --against makedumpfile --codec zlib,zstd
`;

const OPTIONS = {
  ...INPUT_OPTIONS,
  level: { ...VALUE, alias: "d" },
  codec: VALUE,
  workers: VALUE,
  runs: VALUE,
  against: VALUE,
  "against-threads": VALUE,
  folder: VALUE,
  "no-stages": FLAG,
  json: FLAG,
  quiet: { ...FLAG, alias: "q" },
} as const;
type Values = OptionValues<typeof OPTIONS>;

const MAX_RUNS = 1000;

/** `coresieve bench DUMP…`: measures a user's own dump. */
export const benchCommand = defineCommand({ help: HELP, options: OPTIONS, run: bench });

async function bench(files: readonly string[], values: Values, { signal }: CommandContext): Promise<void> {
  if (files.length === 0)
    throw new DumpError("BAD_OPTION", "no dump was named", { cure: "Write `coresieve bench DUMP`" });
  const levels = numbersOf("-d", values.level ?? String(MAX_LEVEL), 0, MAX_LEVEL);
  const workers = numbersOf("--workers", values.workers ?? `1,${standardThreads()}`, 1, MAX_THREADS);
  const runs = numberOf("--runs", values.runs ?? "5", 0, MAX_RUNS);
  const threads = numberOf("--against-threads", values.againstThreads ?? "2", 1, MAX_THREADS);
  const codecs = codecsOf(values.codec ?? CODEC_NAMES.join(","));
  const complete = completeOptions(values);
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

/** Each run reads the dump anew: a pipe has it once only. What is not there is an error of opening it. */
function checkFile(file: string): void {
  const found = file === "-" ? undefined : statSync(file, { throwIfNoEntry: false });
  if (file !== "-" && (found === undefined || found.isFile())) return;
  throw new DumpError("BAD_OPTION", "is no file, and a benchmark reads the dump many times", {
    file: file === "-" ? "stdin" : file,
    cure: "Name a file",
  });
}

/** The options that say what the input is, as they were written. */
function inputArgs(values: Values): string[] {
  const camelCase = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return Object.keys(INPUT_OPTIONS).flatMap((name) => {
    const value = (values as Readonly<Record<string, string | boolean | undefined>>)[camelCase(name)];
    if (value === undefined || value === false) return [];
    return value === true ? [`--${name}`] : [`--${name}=${value}`];
  });
}

function numberOf(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new DumpError("BAD_OPTION", `${option} ${JSON.stringify(text)}: no whole number from ${least} to ${most}`, {
    cure: "`coresieve bench --help` lists the options",
  });
}

/** Each number once, in the order in which they stand there. */
function numbersOf(option: string, list: string, least: number, most: number): number[] {
  return [...new Set(list.split(",").map((word) => numberOf(option, word, least, most)))];
}

function codecsOf(list: string): CodecName[] {
  return [...new Set(list.split(","))].map((word) => {
    const found = CODEC_NAMES.find((name) => name === word);
    if (found !== undefined) return found;
    throw new DumpError("BAD_OPTION", `--codec ${list}: ${JSON.stringify(word)} is no codec`, {
      cure: `Codecs are ${CODEC_NAMES.join(", ")}`,
    });
  });
}
