import { formatRecord, recordForJson } from "../../kernel/log/format-record.js";
import { logOfKernel } from "../../kernel/log/read-log.js";
import { warnOfChange } from "../../reader/source/input-changed.js";
import { openSessionAwake } from "../../run/session.js";
import { Warnings } from "../../warnings.js";
import { defineCommand } from "../command.js";
import { completeOptions } from "../input-options.js";
import { needDump, openInputs } from "../open-inputs.js";
import type { OptionValues } from "../options/table.js";
import { printJson, printOwn, printWarnings } from "../print.js";

/** `coresieve dmesg DUMP…`: prints the kernel log. */
export const dmesgCommand = defineCommand({
  name: "dmesg",
  about: {
    usage: "coresieve dmesg DUMP... [options]: print the kernel log of a dump",
    text: `Works with any dump that has VMCOREINFO, filtered or not, and all kernels since
2.6.32.`,
    examples: `Examples
  coresieve dmesg vmcore | tail -n 50
  coresieve dmesg vmcore --json | jq -r '.records[] | select(.level <= 3).text'`,
  },
  run: (files, values, { signal }) => printLog(files, values, signal),
});

async function printLog(files: readonly string[], args: OptionValues<"dmesg">, signal: AbortSignal): Promise<void> {
  needDump(files, "coresieve dmesg DUMP");
  const format = args.followFormat ?? "dmesg";
  const complete = await completeOptions(args);
  const warnings = new Warnings();
  const dump = await openInputs(files, warnings, args, signal);
  try {
    const session = await openSessionAwake(dump, { ...complete, warnings, signal });
    const log = logOfKernel(session.dump, args.sinceClear);
    warnOfChange(dump, warnings);
    if (log.unreadable > 0) {
      warnings.add(
        "LOG_RECORDS",
        `${files[0]}: some records of the kernel log are not whole in the dump: they are left out`,
        log.unreadable,
      );
    }
    if (args.json) {
      const { kind, unreadable } = log;
      const records = log.records.map(recordForJson);
      printJson({ kind, records, unreadable, warnings: warnings.list }, 1);
      return;
    }
    // In pieces, because the largest logs have gigabytes.
    for (let i = 0; i < log.records.length; i += 1000) {
      const lines = log.records.slice(i, i + 1000).map((record) => formatRecord(record, format));
      printOwn(lines.join(""));
    }
    printWarnings(warnings.list);
  } finally {
    dump.close();
  }
}
