import { basename } from "node:path";
import { DumpError } from "../../errors.js";
import { collectReport } from "../../report/collect-report.js";
import { renderReport } from "../../report/render-report.js";
import type { ReportData } from "../../report/report-data.js";
import { Warnings } from "../../warnings.js";
import { abandoned } from "../../writer/abandoned.js";
import { readyFileSink } from "../../writer/open-file-sink.js";
import { type CommandContext, defineCommand, FLAG, type OptionValues, VALUE } from "../command.js";
import { INPUT_HELP } from "../input-help.js";
import { completeOptions, INPUT_OPTIONS } from "../input-options.js";
import { openInputs } from "../open-inputs.js";
import { printJson, printLines } from "../print.js";
import { printWarnings } from "../print-warnings.js";
import { writePage } from "../report-option.js";

const HELP = `coresieve report DUMP... [options]: a page that shows what is in a dump

Writes one HTML page: a picture of physical memory by kinds of pages, down to
single pages, what level 31 would keep, how well each kind compresses, the
kernel, the machine, the end of its log. It opens from disk, without network.
A filter run writes one about itself: coresieve DUMP OUT --report FILE.

      --output FILE        where to write it (default: DUMP.html, without its
                           folder)
  -f, --force              overwrite it
      --json               print its tables as JSON, beside writing it
  -v, --version            print the version
  -h, --help               print this text
${INPUT_HELP}

Example
  coresieve report vmcore --output vmcore.html
`;

const OPTIONS = { ...INPUT_OPTIONS, output: VALUE, force: { ...FLAG, alias: "f" }, json: FLAG } as const;

/** `coresieve report DUMP…`: writes a page about a dump. */
export const reportCommand = defineCommand({ help: HELP, options: OPTIONS, run: writeReport });

async function writeReport(
  files: readonly string[],
  values: OptionValues<typeof OPTIONS>,
  { signal }: CommandContext,
): Promise<void> {
  const [first] = files;
  if (first === undefined) {
    throw new DumpError("BAD_OPTION", "no dump was named", { cure: "Write `coresieve report DUMP`" });
  }
  const complete = completeOptions(values);
  const warnings = new Warnings();
  const dump = await openInputs(files, warnings, values, signal);
  const output = values.output ?? `${first === "-" ? "stdin" : basename(first)}.html`;
  try {
    const sink = await readyFileSink(output, { force: values.force }, dump.paths);
    let data: ReportData;
    try {
      data = await collectReport(dump, { ...complete, warnings, signal });
      await writePage(sink, renderReport(data));
    } catch (error) {
      throw await abandoned(error, sink);
    }
    if (values.json) printJson(tablesOf(output, data), 2);
    else printLines([output]);
    printWarnings(warnings.list);
  } finally {
    dump.close();
  }
}

/** All but the picture. */
function tablesOf(output: string, { map: _, ...tables }: ReportData): object {
  return { output, ...tables, wouldDrop: tables.wouldDrop ?? null };
}
