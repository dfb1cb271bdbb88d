import { DumpError } from "../../errors.js";
import type { Packing } from "../../reader/source/packed/packing.js";
import { filterDump, type WholeFilterOptions } from "../../run/filter-dump.js";
import { Warnings } from "../../warnings.js";
import { defineCommand } from "../command.js";
import { completeOptions, spoolOptions } from "../input-options.js";
import { openInputs } from "../open-inputs.js";
import { filterRequest } from "../options/filter-request.js";
import type { OptionValues } from "../options/table.js";
import { packingOfOutput } from "../pack-option.js";
import { printJson, printLines, printWarnings } from "../print.js";
import { progressDisplay } from "../progress.js";
import { describeResult } from "../report.js";

/** `coresieve split DUMP OUT1 OUT2…`: filters a dump into several files. */
export const splitCommand = defineCommand({
  name: "split",
  about: {
    usage: "coresieve split DUMP OUT1 OUT2... [options]: filter a dump into a split set",
    text: `Each OUT is a kdump-compressed file with the headers of all and about as many
pages as the others, as makedumpfile --split writes them. crash, libkdumpfile
and coresieve open the set when all its files are named.`,
    examples: `Example
  coresieve split vmcore a.kdump b.kdump c.kdump -d 31 -c
  crash vmlinux a.kdump b.kdump c.kdump`,
  },
  async run(files, values, { signal }) {
    const [input, ...paths] = files;
    if (input === undefined || paths.length < 2) {
      throw new DumpError("BAD_OPTION", "a dump and at least two outputs must be named", {
        cure: "Write `coresieve split DUMP OUT1 OUT2`",
      });
    }
    const request = filterRequest({ ...values, files: [input, paths[0] as string] });
    const { level, privacy, format, codec, dedupe, workers, fallbackLevels, sizeLimit } = request;
    const pack = packingOfSet(paths, values.pack);
    const complete = await completeOptions(values);
    const started = performance.now();
    const warnings = new Warnings({ strict: values.strict });
    const dump = await openInputs(input, warnings, values, signal, values.quiet);
    const progress = values.quiet ? undefined : progressDisplay(process.stderr, dump.pageSize);
    try {
      const options: WholeFilterOptions = {
        output: { paths, force: values.force, sync: values.sync, pack },
        spool: spoolOptions(values),
        ...{ level, privacy, format, codec, dedupe, workers, fallbackLevels, warnings, signal, ...complete },
        excludeUnusedVmemmap: request.excludeUnusedVmemmap,
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
  },
});

function packingOfSet(paths: readonly string[], pack: OptionValues<"split">["pack"]): Packing | undefined {
  const [first, ...others] = paths.map((path) => packingOfOutput(path, pack));
  if (others.some((other) => other !== first)) {
    throw new DumpError("BAD_OPTION", "the names of the split set have different suffixes for how they are packed", {
      cure: "Give all of them .zst, .lz4 or .gz, or none of them; or say it with --pack",
    });
  }
  return first;
}
