import { auditDump } from "../../audit/audit-dump.js";
import { auditJson } from "../../audit/audit-record.js";
import type { AuditResult } from "../../audit/audit-result.js";
import { readSecrets } from "../../audit/secrets.js";
import { shownJson } from "../../foreign-text.js";
import { filesOfDump, type InputFile } from "../../manifest/digest.js";
import { Period } from "../../manifest/period.js";
import { openSignedFile, type SignedFile, signingKey } from "../../manifest/signed-file.js";
import type { Dump } from "../../reader/dump.js";
import { Warnings } from "../../warnings.js";
import { abandoned } from "../../writer/abandoned.js";
import { describeAudit } from "../audit-report.js";
import { defineCommand } from "../command.js";
import { completeOptions } from "../input-options.js";
import { needDump, openInputs } from "../open-inputs.js";
import type { OptionValues } from "../options/table.js";
import { printJson, printLines } from "../print.js";
import { progressDisplay } from "../progress.js";

/** `coresieve audit DUMP…`: checks a finished dump for data that it should not contain. */
export const auditCommand = defineCommand({
  name: "audit",
  about: {
    usage: "coresieve audit DUMP... [options]: find user data left in a dump",
    text: `Reads every page, and counts the kinds of pages by the kernel's own struct
pages. Pages that hold, or may hold, user data are findings if they are not all
zeros; so are pages of unknown kind, and secrets.`,
    examples: `Example
  coresieve audit small.kdump --secrets names.txt --original vmcore
Exit code: 0 nothing found, 1 something found or failed, 2 wrong command line,
128 + signal when stopped.`,
  },
  async run(files, values, { signal }) {
    needDump(files, "coresieve audit DUMP");
    const period = new Period();
    const complete = await completeOptions(values);
    const secrets = values.secrets === undefined ? [] : await readSecrets(values.secrets);
    const key = await signingKey(values.sign);
    const warnings = new Warnings({ strict: values.strict });
    const dump = await openInputs(files, warnings, { ...values, digest: true }, signal, values.quiet);
    // Without a terminal, only the report is printed.
    const progress = process.stderr.isTTY && !values.quiet ? progressDisplay(process.stderr, dump.pageSize) : undefined;
    const written: SignedFile[] = [];
    const open = async (path: string | undefined, signedBy: typeof key) => {
      if (path === undefined) return undefined;
      const file = await openSignedFile(path, signedBy, values.force, files);
      written.push(file);
      return file;
    };
    let original: Dump | undefined;
    try {
      const rules = await open(values.rules, undefined);
      const record = await open(values.result, key);
      original = await openOriginal(values, warnings, signal);
      const result = await auditDump(dump, {
        ...{ complete, secrets, warnings, signal, rules: rules !== undefined },
        ...(original === undefined ? {} : { original }),
        onProgress: (done, total) => progress?.update({ phase: "check", done, total }),
      });
      const digesting = (done: number, total: number) =>
        progress?.update({ phase: "digest", done: done / dump.pageSize, total: total / dump.pageSize });
      const audited = await filesOfDump(dump, true, signal, digesting);
      progress?.end();
      const { original: originalName, vmlinux, salvage } = values;
      const options = { secrets: secrets.length, original: originalName, vmlinux, salvage };
      const json = auditJson(result, { files: audited, started: period.started, ended: period.ended(), options });
      if (result.rules === undefined) await rules?.abort();
      else await rules?.write(Buffer.from(result.rules));
      await record?.write(Buffer.from(`${shownJson(json, 2)}\n`));
      if (values.json) printJson(json, 2);
      else
        printLines([
          ...describeAudit(result),
          ...describeDigests(audited),
          ...describeRules(values.rules, result),
          ...cureOf(result),
        ]);
      return result.clean ? undefined : 1;
    } catch (error) {
      progress?.end();
      throw await abandoned(error, ...written);
    } finally {
      original?.close();
      dump.close();
    }
  },
});

function openOriginal(
  values: OptionValues<"audit">,
  warnings: Warnings,
  signal: AbortSignal,
): Promise<Dump> | undefined {
  if (values.original === undefined) return undefined;
  const as = { ...values, raw: undefined, arch: undefined, salvage: false };
  return openInputs(values.original, warnings, as, signal, values.quiet);
}

/** Advice about users' pages: `--rules` is for secrets. */
function cureOf({ userDataPages }: AuditResult): string[] {
  return userDataPages === 0 ? [] : ["Cure     `coresieve handover DUMP OUT` makes a dump without users' pages"];
}

/** The digests of the audited files: without them the result could be of any file. */
function describeDigests(files: readonly InputFile[]): string[] {
  return files.flatMap(({ sha256 }) => (sha256 === undefined ? [] : [`SHA-256  ${sha256}`]));
}

function describeRules(file: string | undefined, { rules }: AuditResult): string[] {
  if (file === undefined) return [];
  if (rules === undefined)
    return [`Rules    none: nothing was found that --erase could overwrite; ${file} was not written`];
  return [`Rules    ${file}: \`coresieve DUMP OUT --erase ${file}\` overwrites what was found`];
}
