import { lstatSync } from "node:fs";
import { hasZstd } from "../../codec/zstd.js";
import { foreignText } from "../../foreign-text.js";
import { packageVersion } from "../../package-version.js";
import { printOwn } from "../print.js";
import type { MakedumpfileRequest, Mode } from "./arguments.js";
import { create, type DropInContext } from "./create.js";
import { dumpDmesg } from "./dmesg.js";
import { failureCode, failureLine, fileExists } from "./failure.js";
import { MAKEDUMPFILE_HELP } from "./help.js";
import { rearrange, reassemble } from "./join.js";
import { memUsage } from "./mem-usage.js";

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
