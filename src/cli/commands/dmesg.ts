import { DumpError } from "../../errors.js";
import { completeDump } from "../../kernel/complete-dump.js";
import { formatRecord, LOG_FORMATS, type LogFormat, recordForJson } from "../../kernel/log/format-record.js";
import { readKernelLog } from "../../kernel/log/read-log.js";
import { Warnings } from "../../warnings.js";
import { defineCommand, FLAG, VALUE } from "../command.js";
import { INPUT_HELP } from "../input-help.js";
import { completeOptions, INPUT_OPTIONS, type InputArguments } from "../input-options.js";
import { openInputs } from "../open-inputs.js";
import { printJson, printOwn } from "../print.js";
import { printWarnings } from "../print-warnings.js";

const HELP = `coresieve dmesg DUMP... [options]: print the kernel log of a dump

Works with any dump that has VMCOREINFO, filtered or not, and all kernels since
2.6.32.

      --since-clear        only what came after the last \`dmesg --clear\`
      --follow-format NAME   whose lines to follow: dmesg (if nothing is said),
                           levels (dmesg -x), raw (dmesg -r), kmsg (/dev/kmsg),
                           makedumpfile (--dump-dmesg)
      --json               every record with its level, facility and caller
  -v, --version            print the version
  -h, --help               print this text
${INPUT_HELP}

Examples
  coresieve dmesg vmcore | tail -n 50
  coresieve dmesg vmcore --json | jq -r '.records[] | select(.level <= 3).text'
`;

interface DmesgArguments extends InputArguments {
  readonly sinceClear: boolean;
  readonly followFormat: string | undefined;
  readonly json: boolean;
}

/** `coresieve dmesg DUMP…`: prints the kernel log. */
export const dmesgCommand = defineCommand({
  help: HELP,
  options: { ...INPUT_OPTIONS, "since-clear": FLAG, "follow-format": VALUE, json: FLAG },
  run: (files, values, { signal }) => printLog(files, values, signal),
});

async function printLog(files: readonly string[], args: DmesgArguments, signal: AbortSignal): Promise<void> {
  if (files.length === 0) {
    throw new DumpError("BAD_OPTION", "no dump was named", { cure: "Write `coresieve dmesg DUMP`" });
  }
  const format = logFormat(args);
  const complete = completeOptions(args);
  const warnings = new Warnings();
  const dump = await openInputs(files, warnings, args, signal);
  try {
    const log = readKernelLog(completeDump(dump, warnings, complete), args.sinceClear);
    if (log.unreadable > 0) {
      warnings.add(
        "LOG_RECORDS",
        `${files[0]}: records of the kernel log that the dump does not have whole`,
        log.unreadable,
      );
    }
    if (args.json) {
      const { kind, unreadable } = log;
      const records = log.records.map(recordForJson);
      printJson({ kind, records, unreadable, warnings: warnings.list }, 1);
      return;
    }
    // In pieces: the largest logs have gigabytes.
    for (let i = 0; i < log.records.length; i += 1000) {
      const lines = log.records.slice(i, i + 1000).map((record) => formatRecord(record, format));
      printOwn(lines.join(""));
    }
    printWarnings(warnings.list);
  } finally {
    dump.close();
  }
}

function logFormat({ followFormat, json }: DmesgArguments): LogFormat {
  if (followFormat === undefined) return "dmesg";
  const found = LOG_FORMATS.find((name) => name === followFormat);
  if (found === undefined) {
    throw new DumpError("BAD_OPTION", `--follow-format ${followFormat}: there is no such form of a log`, {
      cure: `Forms are ${LOG_FORMATS.join(", ")}`,
    });
  }
  if (json) throw new DumpError("BAD_OPTION", "--json has a form of its own", { cure: "Leave --follow-format away" });
  return found;
}
