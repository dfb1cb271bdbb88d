import { readSecrets } from "../../audit/secrets.js";
import { formatBytes } from "../../byte-size.js";
import { DumpError } from "../../errors.js";
import { type HandOverFiles, type HandOverResult, handOver } from "../../handover/hand-over.js";
import { openSignedFile, type SignedFile } from "../../manifest/signed-file.js";
import { onlyGiven } from "../../only-given.js";
import { formatCount } from "../../readable-count.js";
import { shownUrl } from "../../shown-address.js";
import { Warnings } from "../../warnings.js";
import { abandoned } from "../../writer/abandoned.js";
import { isHttpOutput } from "../../writer/part-urls.js";
import { describeAudit } from "../audit-report.js";
import { defineCommand } from "../command.js";
import { eraseFile } from "../erase-option.js";
import { completeOptions, spoolOptions } from "../input-options.js";
import { needStdout } from "../need-stdout.js";
import { openInputs } from "../open-inputs.js";
import { type FilterRequest, filterRequest } from "../options/filter-request.js";
import type { OptionValues } from "../options/table.js";
import { packingOfOutput } from "../pack-option.js";
import { printJson, printLines } from "../print.js";
import { progressDisplay } from "../progress.js";
import { remainRows } from "../remains.js";

type Values = OptionValues<"handover">;

/** `coresieve handover DUMP… OUT`: filter, audit, verify and manifest in one go. */
export const handoverCommand = defineCommand({
  name: "handover",
  about: {
    usage: "coresieve handover DUMP... OUT [options]: make a dump that may be handed over",
    text: `Filters with --privacy, looks at what was written (audit), compares it with the
original (verify), and writes the records of that. OUT appears when all is well.
If anything is found nothing is written, and it says what and where. Beside it:
OUT.json (manifest), OUT.audit.json, and OUT.html, a page to print and sign (of
OUT.age: OUT.json and so on).`,
    examples: `Example
  coresieve handover vmcore out.kdump --secrets names.txt --sign owner.key
Exit code: 0 written, 1 something found or failed, 2 wrong command line,
128 + signal when stopped.`,
  },
  async run(files, values, { signal }) {
    const request = requestOf(files, values);
    const format = values.elf ? "elf" : "kdump";
    const { inputs, output, codec, dedupe, workers, privacyKeep, privacyExtra } = request;
    const privacy = request.privacy === "strict" ? "strict" : true;
    if (output === undefined) needStdout(inputs);
    const complete = await completeOptions(values);
    const erase = await eraseFile({ erase: values.rules });
    const secrets = values.secrets === undefined ? [] : await readSecrets(values.secrets);
    const warnings = new Warnings();
    const dump = await openInputs(inputs, warnings, { ...values, digest: true }, signal, values.quiet);
    const progress = values.quiet ? undefined : progressDisplay(process.stderr, dump.pageSize);
    let found: SignedFile | undefined;
    try {
      found =
        values.found === undefined ? undefined : await openSignedFile(values.found, undefined, values.force, inputs);
      const result = await handOver(dump, {
        ...complete,
        output:
          output === undefined
            ? { stream: process.stdout, name: "stdout" }
            : { path: output, force: values.force, sync: values.sync },
        files: filesOf(output, values),
        ...onlyGiven({ recipients: values.recipient, sign: values.sign, erase }),
        ...{
          secrets,
          privacy,
          privacyKeep,
          privacyExtra,
          format,
          codec,
          dedupe,
          workers,
          warnings,
          signal,
          rules: found !== undefined,
        },
        spool: spoolOptions(values),
        onProgress: (state) => progress?.update(state),
      }).finally(() => progress?.end());
      const { rules } = result.audit;
      if (rules === undefined) await found?.abort();
      else await found?.write(Buffer.from(rules));
      report(result, values, output);
      return result.handedOver ? undefined : 1;
    } catch (error) {
      throw await abandoned(error, found);
    } finally {
      dump.close();
    }
  },
});

/** Checks the combination of options. Throws `BAD_OPTION`. */
function requestOf(files: readonly string[], values: Values): FilterRequest {
  if (files.length < 2) {
    throw new DumpError("BAD_OPTION", "a dump and an output must be named", {
      cure: "Write `coresieve handover DUMP OUT`",
    });
  }
  const strict = { privacyStrict: values.privacyStrict || values.strict };
  const request = filterRequest({ ...values, ...strict, privacy: true, pack: "none", files });
  const { output } = request;
  if (packingOfOutput(output, undefined) !== undefined) {
    throw new DumpError("BAD_OPTION", "handover writes no packed files: their pages are compressed", {
      file: shownUrl(output ?? ""),
      cure: "Name a file without .zst, .lz4, .gz",
    });
  }
  if (output === undefined && process.stdout.isTTY) {
    throw new DumpError("BAD_OPTION", "the dump should go to stdout, but stdout is a terminal", {
      cure: "Name a file, or send it into a pipe: `coresieve handover DUMP - | ssh HOST 'cat > OUT'`",
    });
  }
  return request;
}

/**
 * The names of the further files: those that were given; by default they are next to a file or an object; none for a
 * stream.
 */
function filesOf(output: string | undefined, { manifest, result, page }: Values): HandOverFiles {
  const base = output === undefined || isHttpOutput(output) ? undefined : output.replace(/\.age$/, "");
  const name = (given: string | undefined, suffix: string) => given ?? (base === undefined ? undefined : base + suffix);
  const names = [
    ["manifest", name(manifest, ".json")],
    ["audit", name(result, ".audit.json")],
    ["page", name(page, ".html")],
  ] as const;
  return Object.fromEntries(names.filter(([, path]) => path !== undefined));
}

function report(result: HandOverResult, values: Values, output: string | undefined): void {
  const { audit, verified, filtered, manifest, written, handedOver } = result;
  const stream = output === undefined ? process.stderr : process.stdout;
  if (values.json) {
    const { rules: _, ...audited } = audit;
    printJson({ handedOver, written, filtered, audit: audited, verified, manifest: manifest ?? null }, 2, stream);
    return;
  }
  if (!handedOver)
    printLines([...describeAudit(audit), ...describeFindings(result), ...nothing(values, result)], stream);
  else if (!values.quiet) printLines(describeWritten(result, values, filesOf(output, values)), stream);
}

function describeFindings({ verified }: HandOverResult): string[] {
  return verified.findings.map(({ kind, message, pfn }) => {
    const at = pfn === undefined ? "" : ` (page 0x${pfn.toString(16)})`;
    return `Verify   ${kind}: ${message}${at}`;
  });
}

function nothing({ found, rules }: Values, { audit }: HandOverResult): string[] {
  if (found === undefined || audit.rules === undefined)
    return ["Output   none: something was found, so nothing was written"];
  const how =
    rules === undefined
      ? `run the same command again with \`--rules ${found}\` in place of \`--found ${found}\``
      : `add its lines to ${rules} and run the same command again, without \`--found\``;
  return [
    "Output   none: something was found, so no dump was written",
    `Rules    ${found} overwrites what was found: ${how}`,
  ];
}

const overwritten = (pages: number): string =>
  pages === 0 ? "" : `, ${formatCount(pages)} others only differ in what was overwritten`;

function describeWritten(
  { filtered, audit, verified, manifest, written }: HandOverResult,
  { sign, elf }: Values,
  { page }: HandOverFiles,
): string[] {
  const { comparison } = verified;
  const searched = audit.secrets === undefined ? "" : `; 0 of ${formatCount(audit.secrets.length)} secrets found`;
  const compared =
    comparison === undefined
      ? ""
      : `${formatCount(comparison.same)} pages are the same as in the original${overwritten(comparison.erased)}; nothing is wrong`;
  const [output = "", ...beside] = written;
  const { kept, zero } = filtered.classes;
  // A kdump file contains pages of zeros, which share one page, so they are counted when it is checked.
  const zeros = zero > 0 && !elf ? `, and ${formatCount(zero)} of zeros` : "";
  return [
    `Pages    ${formatCount(kept)} of ${formatCount(filtered.inputPages)} stay${zeros}`,
    `Audit    nothing found${searched}`,
    `Verify   ${compared}`,
    ...remainRows(filtered.privacy?.remains ?? [], page === undefined ? "--json" : shownUrl(page)),
    ...filtered.warnings.map(({ message, code }) => `Warning: ${message} [${code}]`),
    `Output   ${shownUrl(output)}, ${formatBytes((manifest?.output.sealed ?? manifest?.output)?.bytes ?? 0)}${manifest?.output.sealed ? ", sealed" : ""}`,
    `SHA-256  ${manifest?.output.sha256 ?? ""}`,
    ...beside.map((name) => `Written  ${shownUrl(name)}${name === page ? ": the page to print and sign" : ""}`),
    ...(sign === undefined ? [] : ["Signed   the manifest and the audit's result: FILE.sig beside each"]),
    "Result   all checks passed: read what may still be in it before you hand it over",
  ];
}
