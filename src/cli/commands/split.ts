import { DumpError } from "../../errors.js";
import type { Packing } from "../../reader/source/packed/packing.js";
import { type FilterOptions, filterDump } from "../../run/filter-dump.js";
import { Warnings } from "../../warnings.js";
import { type CommandContext, defineCommand, FLAG, type OptionValues, VALUE } from "../command.js";
import { INPUT_HELP } from "../input-help.js";
import { completeOptions, INPUT_OPTIONS, spoolOptions } from "../input-options.js";
import { openInputs } from "../open-inputs.js";
import { CODEC_OPTIONS, filterRequest } from "../options.js";
import { packingOfOutput } from "../pack-option.js";
import { printJson, printLines } from "../print.js";
import { printWarnings } from "../print-warnings.js";
import { progressDisplay } from "../progress.js";
import { describeResult } from "../report.js";

const HELP = `coresieve split DUMP OUT1 OUT2... [options]: filter a dump into a split set

Each OUT is a kdump-compressed file with the headers of all and about as many
pages as the others, as makedumpfile --split writes them. crash, libkdumpfile
and coresieve open the set when all its files are named.

  -d, --level LEVEL        what is dropped, as in a filter run (default 31)
      --exclude NAMES      the same by name: zero,cache,cache-private,user,free
      --privacy            all that may hold users' data
  -c, --zlib               compress pages with zlib,
  -l, --lzo                with LZO,
  -p, --snappy             with snappy,
  -z, --zstd               or with zstd
      --compress NAME      the same by name
      --compression-level N   zlib 1 to 9, zstd 1 to 19 (default 1)
      --dedupe             store equal pages of a file once
  -L, --size-limit SIZE    most bytes of each OUT
  -f, --force              overwrite files that are there
      --pack HOW           pack each OUT: zstd, lz4, gzip, none (if nothing is
                           said: as their suffix .zst, .lz4 or .gz says)
      --sync               wait until the disk has the files
${INPUT_HELP}
      --num-threads N      worker threads (default: one per core, 16 at most)
      --strict             make every warning an error
      --json               print the result as JSON
  -q, --quiet              print errors only
  -v, --version            print the version
  -h, --help               print this text

Example
  coresieve split vmcore a.kdump b.kdump c.kdump -d 31 -c
  crash vmlinux a.kdump b.kdump c.kdump
`;

const OPTIONS = {
  ...INPUT_OPTIONS,
  level: { ...VALUE, alias: "d" },
  exclude: VALUE,
  privacy: FLAG,
  ...CODEC_OPTIONS,
  dedupe: FLAG,
  "size-limit": { ...VALUE, alias: "L" },
  pack: VALUE,
  force: { ...FLAG, alias: "f" },
  sync: FLAG,
  "num-threads": VALUE,
  strict: FLAG,
  json: FLAG,
  quiet: { ...FLAG, alias: "q" },
} as const;

/** `coresieve split DUMP OUT1 OUT2…`: filters a dump into several files. */
export const splitCommand = defineCommand({
  help: HELP,
  options: OPTIONS,
  refused: {
    "on-full": "a split set cannot be left incomplete: files behind the one that is full would be empty",
    elf: "only kdump-compressed files can be split",
    flatten: "several files do not go into one stream",
  },
  run: runSplit,
});

async function runSplit(
  files: readonly string[],
  values: OptionValues<typeof OPTIONS>,
  { signal }: CommandContext,
): Promise<void> {
  const [input, ...paths] = files;
  if (input === undefined || paths.length < 2) {
    throw new DumpError("BAD_OPTION", "a dump and two outputs at least must be named", {
      cure: "Write `coresieve split DUMP OUT1 OUT2`",
    });
  }
  const request = filterRequest({
    ...values,
    files: [input, paths[0] as string],
    ...{ elf: false, flatten: false, onFull: undefined, privacyExtra: undefined, pack: values.pack },
  });
  const { level, privacy, format, codec, dedupe, workers, fallbackLevels, sizeLimit } = request;
  const pack = packingOfSet(paths, values.pack);
  const complete = completeOptions(values);
  const started = performance.now();
  const warnings = new Warnings({ strict: values.strict });
  const dump = await openInputs(input, warnings, values, signal, values.quiet);
  const progress = values.quiet ? undefined : progressDisplay(process.stderr, dump.pageSize);
  try {
    const options: FilterOptions = {
      output: { paths, force: values.force, sync: values.sync, pack },
      spool: spoolOptions(values),
      ...{ level, privacy, format, codec, dedupe, workers, fallbackLevels, warnings, signal, ...complete },
      ...(sizeLimit === undefined ? {} : { sizeLimit }),
      onProgress: (state) => progress?.update(state),
    };
    const result = await filterDump(dump, options).finally(() => progress?.end());
    const seconds = (performance.now() - started) / 1000;
    if (values.json) printJson({ ...result, seconds, output: paths, packing: pack ?? null }, 2);
    else if (!values.quiet) printLines(describeResult(dump, result, paths.join(", "), seconds));
    if (!values.quiet) printWarnings(result.warnings);
  } finally {
    dump.close();
  }
}

function packingOfSet(paths: readonly string[], pack: string | undefined): Packing | undefined {
  const [first, ...others] = paths.map((path) => packingOfOutput(path, pack));
  if (others.some((other) => other !== first)) {
    throw new DumpError("BAD_OPTION", "the names of the split set have different suffixes for how they are packed", {
      cure: "Give all of them .zst, .lz4 or .gz, or none of them; or say it with --pack",
    });
  }
  return first;
}
