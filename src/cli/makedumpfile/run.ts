import { lstatSync } from "node:fs";
import { finished } from "node:stream/promises";
import { codecOf } from "../../codec/codecs.js";
import { hasZstd } from "../../codec/zstd.js";
import { foreignText } from "../../foreign-text.js";
import { formatRecord } from "../../kernel/log/format-record.js";
import { logOfKernel } from "../../kernel/log/read-log.js";
import { packageVersion } from "../../package-version.js";
import { openInput } from "../../reader/open-input.js";
import { STDIN } from "../../reader/source/stream-input.js";
import { filterDump } from "../../run/filter-dump.js";
import { openSessionAwake } from "../../run/session.js";
import { Warnings } from "../../warnings.js";
import { abandoned } from "../../writer/abandoned.js";
import { createFileSink } from "../../writer/file-sink.js";
import { rearrangeDump } from "../../writer/rearrange.js";
import { reassembleDump } from "../../writer/reassemble.js";
import { printOwn } from "../print.js";
import { allPages } from "../report.js";
import type { MakedumpfileRequest, Mode } from "./arguments.js";
import { create, type DropInContext, givenKernel } from "./create.js";
import { failureCode, failureLine, fileExists } from "./failure.js";
import { MAKEDUMPFILE_HELP } from "./help.js";
import { sayWarnings } from "./messages.js";
import { Steps } from "./steps.js";

/** Runs a request and prints the result. Returns the exit code. An error that stops the run (a signal) is thrown. */
export async function runMakedumpfile(request: MakedumpfileRequest, context: DropInContext): Promise<number> {
  const { messages, program } = context;
  if (request.mode === "help" || request.mode === "version") {
    printOwn(request.mode === "help" ? MAKEDUMPFILE_HELP : supportText(foreignText(program)));
    return 0;
  }
  messages.debug(versionLine(program), `command line: ${program} ${process.argv.slice(2).join(" ")}`, "");
  const outputs = outputsOf(request);
  const there = request.force ? undefined : outputs.find(isThere);
  let good = false;
  let code = 1;
  if (there !== undefined) messages.error(fileExists(there));
  else {
    try {
      good = await JOBS[request.mode](request, context);
    } catch (error) {
      if (context.signal.aborted) throw error;
      messages.error(failureLine(error, program, request));
      code = failureCode(error, request);
    }
  }
  if (good && request.mode === "mem-usage") return 0;
  if (good) messages.common("", savedTo(request, outputs));
  messages.common("", `makedumpfile ${good ? "Completed" : "Failed"}.`);
  return good ? 0 : code;
}

/** Whether a file exists, as O_EXCL sees it: a symbolic link counts, wherever it leads. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // Opening it reports the error.
    return false;
  }
}

type Job = (request: MakedumpfileRequest, context: DropInContext) => Promise<boolean>;

const JOBS: Readonly<Record<Exclude<Mode, "help" | "version">, Job>> = {
  create,
  split: create,
  rearrange,
  reassemble,
  dmesg: dumpDmesg,
  "mem-usage": memUsage,
};

/** The output files. */
function outputsOf({ mode, files, flattened }: MakedumpfileRequest): readonly string[] {
  if (mode === "rearrange") return files;
  if (mode === "reassemble") return files.slice(-1);
  return flattened || mode === "mem-usage" ? [] : files.slice(1);
}

function savedTo({ mode }: MakedumpfileRequest, outputs: readonly string[]): string {
  if (mode === "split") {
    return `The dumpfiles are saved to ${outputs.slice(0, -1).join(", ")}, and ${outputs.at(-1)}.`;
  }
  return `The ${mode === "dmesg" ? "dmesg log" : "dumpfile"} is saved to ${outputs[0] ?? "STDOUT"}.`;
}

function versionLine(program: string): string {
  return `${program}: version ${packageVersion()} (coresieve)`;
}

/** For -v: the codecs, in a form that scripts look for. */
function supportText(program: string): string {
  return `${versionLine(program)}\nlzo\tenabled\nsnappy\tenabled\nzstd\t${hasZstd() ? "enabled" : "disabled"}\n\n`;
}

/**
 * -R: makes a plain file of the flattened one that comes in from stdin. With --dry-run stdin is read, and nothing is
 * written.
 */
export async function rearrange(
  { files, force, dryRun }: MakedumpfileRequest,
  context: DropInContext,
): Promise<boolean> {
  const { signal } = context;
  const warnings = new Warnings();
  if (dryRun) await finished(process.stdin.resume(), { signal });
  else await rearrangeDump(STDIN, { path: files[0] as string, force, warnings }, signal);
  sayWarnings(warnings.list, context);
  return true;
}

/** --reassemble: makes one file of a split set. */
export async function reassemble({ files, force }: MakedumpfileRequest, context: DropInContext): Promise<boolean> {
  const { messages, signal } = context;
  const warnings = new Warnings();
  const dump = await openInput(files.slice(0, -1), warnings, { signal });
  const steps = new Steps(messages);
  try {
    const onProgress = (done: number, total: number) => steps.update("Copying data", done, total);
    onProgress(0, 1);
    await reassembleDump(dump, { path: files.at(-1) as string, force, warnings }, { signal, onProgress });
    steps.finish();
    sayWarnings(warnings.list, context);
    return true;
  } catch (error) {
    steps.breakLine();
    throw error;
  } finally {
    dump.close();
  }
}

/** --mem-usage: prints the number of pages of each kind. Works for any dump; makedumpfile only supports /proc/kcore. */
export async function memUsage(request: MakedumpfileRequest, context: DropInContext): Promise<boolean> {
  const { messages, threads, signal } = context;
  const warnings = new Warnings();
  const dump = await openInput(request.files.slice(0, 1), warnings, { signal: context.signal });
  try {
    const result = await filterDump(dump, {
      output: { discard: true, name: "nowhere" },
      ...{ level: 31, format: "kdump", codec: codecOf("none"), warnings, signal, ...(await givenKernel(request)) },
      ...(threads === undefined ? {} : { workers: threads }),
    });
    const { pageSize, filteredBefore } = result;
    const { original: pages, ...classes } = allPages(result);
    const row = (name: string, count: number, excludable: string, text: string) =>
      `${name}\t${String(count).padEnd(16)}\t${excludable}\t\t${text}`;
    messages.common(
      "TYPE\t\tPAGES\t\t\tEXCLUDABLE\tDESCRIPTION",
      "-".repeat(70),
      row("ZERO\t", classes.zero, "yes", "Pages filled with zero"),
      row("NON_PRI_CACHE", classes.cache, "yes", "Cache pages without private flag"),
      row("PRI_CACHE", classes["cache-private"], "yes", "Cache pages with private flag"),
      row("USER\t", classes.user, "yes", "User process pages"),
      row("FREE\t", classes.free, "yes", "Free pages"),
      row("KERN_DATA", result.classes.kept + (filteredBefore?.classes.kept ?? 0), "no", "Dumpable kernel data "),
      "",
      `page size:\t\t${String(pageSize).padEnd(16)}`,
      `Total pages on system:\t${String(pages).padEnd(16)}`,
      `Total size on system:\t${String(pages * pageSize).padEnd(16)} Byte`,
    );
    sayWarnings(result.warnings, context);
    return true;
  } finally {
    dump.close();
  }
}

/** --dump-dmesg: writes the kernel log. */
export async function dumpDmesg(request: MakedumpfileRequest, context: DropInContext): Promise<boolean> {
  const [input = "", output] = request.files;
  const warnings = new Warnings();
  const dump = await openInput([input], warnings, { signal: context.signal });
  try {
    const complete = { ...(await givenKernel(request)), warnings, signal: context.signal };
    const log = logOfKernel((await openSessionAwake(dump, complete)).dump, request.sinceClear);
    if (log.unreadable > 0) {
      warnings.add(
        "LOG_RECORDS",
        `${input}: some records of the kernel log are not whole in the dump: they are left out`,
        log.unreadable,
      );
    }
    const parts = piecesOf(log.records.length, (i) => formatRecord(log.records[i] as never, "makedumpfile"));
    if (output === undefined) for (const part of parts) printOwn(part);
    else await writeFile(output, parts, request.force, input);
    sayWarnings(warnings.list, context);
    return true;
  } finally {
    dump.close();
  }
}

/** The text of a thousand records at a time: the largest logs have gigabytes. */
function* piecesOf(count: number, line: (i: number) => string): Generator<Buffer> {
  for (let i = 0; i < count; i += 1000) {
    const lines: string[] = [];
    for (let j = i; j < Math.min(count, i + 1000); j++) lines.push(line(j));
    yield Buffer.from(lines.join(""));
  }
}

async function writeFile(path: string, parts: Iterable<Buffer>, force: boolean, input: string): Promise<void> {
  const sink = createFileSink(path, { force, inputs: [input] });
  let size = 0;
  try {
    for (const part of parts) {
      await sink.write(part, size);
      size += part.length;
    }
    await sink.finish(size);
  } catch (error) {
    throw await abandoned(error, sink);
  }
}
