import { codecOf } from "../../codec/codecs.js";
import { DumpError } from "../../errors.js";
import { roughSize } from "../../estimate/rough-size.js";
import type { CompleteOptions } from "../../kernel/complete-own.js";
import { tasksIn } from "../../library/tasks-of.js";
import { isMissingPage } from "../../reader/find-in-memory.js";
import { warnOfChange } from "../../reader/source/input-changed.js";
import type { Session } from "../../run/own-session.js";
import { openSessionAwake } from "../../run/session.js";
import { isStorePath } from "../../store/store-url.js";
import { Warnings } from "../../warnings.js";
import { defineCommand } from "../command.js";
import { describeInfo } from "../describe-info.js";
import { dumpInfo, type TaskCounts } from "../dump-info.js";
import { completeOptions } from "../input-options.js";
import { needDump, openInputs } from "../open-inputs.js";
import { printJson, printLines } from "../print.js";

/** `coresieve info DUMP…`: describes a dump. */
export const infoCommand = defineCommand({
  name: "info",
  about: {
    usage: "coresieve info DUMP... [options]: what a dump is, and why it crashed",
    text: `One screen: format, machine, kernel, when and why it crashed (by its log), and
roughly what it would shrink to.`,
    examples: `Examples
  coresieve info vmcore
  coresieve info vmcore --notes --vmcoreinfo-text
  coresieve info vmcore --json | jq -r .crash.reason`,
  },
  async run(files, values, { signal }) {
    needDump(files, "coresieve info DUMP");
    const warnings = new Warnings();
    const complete = await completeOptions(values);
    const dump = await openInputs(files, warnings, values, signal);
    try {
      const session = await openSessionAwake(dump, { ...complete, warnings, signal });
      const size = await shrunkSize(session, signal);
      const info = await dumpInfo(session, size, countTasks(session, complete.vmlinux));
      warnOfChange(dump, warnings);
      if (values.json) printJson(info, 2);
      else printLines(describeInfo(info, { notes: values.notes, vmcoreinfo: values.vmcoreinfoText }));
    } finally {
      dump.close();
    }
  },
});

/**
 * Counts the tasks; `null` without types. Takes up to 400 ms. For an object in a store it would fetch megabytes, so
 * there it is left out.
 */
function countTasks({ dump, view }: Session, vmlinux: CompleteOptions["vmlinux"]): TaskCounts | null {
  if (view === undefined || dump.paths.some(isStorePath)) return null;
  const counts = { total: 0, kernelThreads: 0, running: 0, uninterruptible: 0 };
  try {
    for (const { pid, state, isKernelThread } of tasksIn(dump, view, vmlinux)) {
      // The list contains the idle task of the first CPU, but not those of the others.
      if (pid === 0) continue;
      counts.total++;
      if (isKernelThread) counts.kernelThreads++;
      if (state === "R") counts.running++;
      if (state === "D") counts.uninterruptible++;
    }
  } catch (error) {
    // A part of them would be a wrong number.
    if (isMissingPage(error)) return null;
    throw error;
  }
  return counts.total === 0 ? null : counts;
}

/** For more memory, an estimate takes too long for a quick overview. */
const MOST_MEMORY = 8 * 2 ** 30;

/** Bytes of the dump at level 31 with zlib, from a small sample; `null` if that is not possible or would take long. */
async function shrunkSize(session: Session, signal: AbortSignal): Promise<number | null> {
  const { dump, view } = session;
  const memory = dump.ranges.reduce((sum, { start, end }) => sum + (end - start), 0);
  if (view === undefined || memory > MOST_MEMORY || dump.paths.some(isStorePath)) return null;
  try {
    return (await roughSize(session, codecOf("zlib", undefined), signal)) ?? null;
  } catch (error) {
    if (error instanceof DumpError && error.code !== "ABORTED") return null;
    throw error;
  }
}
