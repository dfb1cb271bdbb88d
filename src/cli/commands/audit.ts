import { auditDump } from "../../audit/audit-dump.js";
import { readSecrets } from "../../audit/secrets.js";
import { DumpError } from "../../errors.js";
import type { Dump } from "../../reader/dump.js";
import { Warnings } from "../../warnings.js";
import { auditJson, describeAudit } from "../audit-report.js";
import { type CommandAbout, type CommandContext, defineCommand } from "../command.js";
import { completeOptions } from "../input-options.js";
import { openInputs } from "../open-inputs.js";
import type { OptionValues } from "../options/table.js";
import { printJson, printLines } from "../print.js";
import { progressDisplay } from "../progress.js";

const ABOUT: CommandAbout = {
  usage: "coresieve audit DUMP... [options]: what of users is left in a dump",
  text: `Reads every page, and tells what kinds of pages there are by the kernel's own
struct pages. Pages that hold, or may hold, what users wrote are findings if
they are not all zeros; so are pages of which nothing is known, and secrets.`,
  examples: `Example
  coresieve audit small.kdump --secrets names.txt --original vmcore
Exit code: 0 nothing found, 1 something found or failed, 2 wrong command line,
128 + signal when stopped.`,
};

/** `coresieve audit DUMP…`: looks at a finished dump for what it should not have. */
export const auditCommand = defineCommand({
  name: "audit",
  about: ABOUT,
  run: printAudit,
});

async function printAudit(
  files: readonly string[],
  values: OptionValues<"audit">,
  { signal }: CommandContext,
): Promise<void> {
  if (files.length === 0) {
    throw new DumpError("BAD_OPTION", "no dump was named", { cure: "Write `coresieve audit DUMP`" });
  }
  const complete = await completeOptions(values);
  const secrets = values.secrets === undefined ? [] : await readSecrets(values.secrets);
  const warnings = new Warnings({ strict: values.strict });
  const dump = await openInputs(files, warnings, values, signal, values.quiet);
  // Where nobody looks on, the report is all there is to say.
  const progress = process.stderr.isTTY && !values.quiet ? progressDisplay(process.stderr, dump.pageSize) : undefined;
  let original: Dump | undefined;
  try {
    original =
      values.original === undefined
        ? undefined
        : await openInputs(
            values.original,
            warnings,
            { ...values, raw: undefined, arch: undefined, salvage: false },
            signal,
            values.quiet,
          );
    const result = await auditDump(dump, {
      ...{ complete, secrets, warnings, signal },
      ...(original === undefined ? {} : { original }),
      onProgress: (done, total) => progress?.update({ phase: "check", done, total }),
    }).finally(() => progress?.end());
    if (values.json) printJson(auditJson(result), 2);
    else printLines(describeAudit(result));
    if (!result.clean) process.exitCode = 1;
  } finally {
    original?.close();
    dump.close();
  }
}
