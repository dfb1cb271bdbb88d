import { basename } from "node:path";
import { DumpError } from "../../errors.js";
import { collectReport } from "../../report/collect-report.js";
import { renderReport } from "../../report/render-report.js";
import type { ReportData } from "../../report/report-data.js";
import { shownUrl } from "../../shown-address.js";
import { Warnings } from "../../warnings.js";
import { abandoned } from "../../writer/abandoned.js";
import { readyFileSink } from "../../writer/open-file-sink.js";
import { defineCommand } from "../command.js";
import { completeOptions } from "../input-options.js";
import { openInputs } from "../open-inputs.js";
import { printJson, printLines, printWarnings } from "../print.js";
import { writePage } from "../report-option.js";

/** `coresieve report DUMP…`: writes a page about a dump. */
export const reportCommand = defineCommand({
  name: "report",
  about: {
    usage: "coresieve report DUMP... [OUT.html] [options]: what is in a dump, as a page",
    text: `Writes one HTML page: a picture of physical memory by kinds of pages, down to
single pages, what level 31 would keep, how well each kind compresses, the
kernel, the machine, the end of its log. It opens from disk, without network.
A filter run writes one about itself: coresieve DUMP OUT --report FILE.`,
    examples: `Examples
  coresieve report vmcore
  coresieve report vmcore crash.html`,
  },
  async run(named, values, { signal }) {
    const { files, page } = splitNames(named, values.output);
    const [first] = files;
    if (first === undefined) {
      throw new DumpError("BAD_OPTION", "no dump was named", { cure: "Write `coresieve report DUMP`" });
    }
    const complete = await completeOptions(values);
    const warnings = new Warnings();
    const dump = await openInputs(files, warnings, values, signal);
    const output = page ?? `${first === "-" ? "stdin" : basename(first)}.html`;
    try {
      const sink = await readyFileSink(output, { force: values.force }, dump.paths);
      let data: ReportData;
      try {
        data = await collectReport(dump, { ...complete, warnings, signal });
        await writePage(sink, renderReport(data));
      } catch (error) {
        throw await abandoned(error, sink);
      }
      if (values.json) printJson(tablesOf(shownUrl(output), data), 2);
      else printLines([`${shownUrl(output)}: open it in a browser`]);
      printWarnings(warnings.list);
    } finally {
      dump.close();
    }
  },
});

/** A dump is never a web page: if the last name ends like one, it is the output. */
function splitNames(
  names: readonly string[],
  output: string | undefined,
): { readonly files: readonly string[]; readonly page: string | undefined } {
  const last = names.at(-1);
  if (output !== undefined || last === undefined || names.length < 2 || !/\.html?$/i.test(last)) {
    return { files: names, page: output };
  }
  return { files: names.slice(0, -1), page: last };
}

/** The report's data without the picture. */
function tablesOf(output: string, { map: _, ...tables }: ReportData): object {
  return { output, ...tables, wouldDrop: tables.wouldDrop ?? null };
}
