import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { CodecName } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import type { CompleteOptions } from "../kernel/complete-own.js";
import { onlyGiven } from "../only-given.js";
import type { Dump } from "../reader/dump.js";
import { describeSystemError, isWithoutRoom } from "../reader/source/byte-source.js";
import type { Session } from "../run/own-session.js";
import { openSessionAwake } from "../run/session.js";
import { forgetUnfinished, type Unfinished, watchUnfinished } from "../unfinished.js";
import type { BenchedDump, BenchResult, ProgramComparison, StageFigures } from "./bench-result.js";
import { type CompareOptions, codecsHere, comparePrograms } from "./compare-programs.js";
import { thisMachine } from "./machine.js";
import { measureStages } from "./measure-stages.js";

/** What `benchDump` measures. */
export interface BenchOptions extends Omit<CompareOptions, "folder"> {
  readonly levels: readonly number[];
  readonly codecs: readonly CodecName[];
  /** Whether to measure the stages separately, too. */
  readonly stages: boolean;
  /** Parent of the folder for the outputs, which is made and removed at the end. */
  readonly parent: string;
  readonly complete: CompleteOptions;
  /** Called before the first whole run with what was measured so far. */
  readonly onBegin?: (dump: BenchedDump, stages: StageFigures | undefined) => void;
  /** Called after each comparison. */
  readonly onComparison?: (comparison: ProgramComparison) => void;
}

/** Measures stages in this process, and whole runs of this program and others. Throws `DumpError`s. */
export async function benchDump(input: Dump, options: BenchOptions): Promise<BenchResult> {
  const { levels, parent, version, signal, say, reference } = options;
  const session = await openSessionAwake(input, { ...options.complete, signal });
  const { whyNoView } = session;
  if (whyNoView !== undefined && whyNoView.code !== "CANNOT_FILTER") throw whyNoView;
  const codecs = codecsHere(options.codecs);
  const folder = makeFolder(parent);
  const held: Unfinished = { dropAtOnce: () => removeFolder(folder) };
  watchUnfinished(held);
  try {
    const machine = thisMachine(folder, version);
    const common = { folder, version, ...(signal && { signal }), ...(say && { say }) };
    const stages = options.stages
      ? await measureStages(session, { ...common, level: Math.max(...levels), codecs })
      : undefined;
    const described = describe(session);
    options.onBegin?.(described, stages);
    const comparisons: ProgramComparison[] = [];
    if (options.runs > 0) {
      for (const level of levels) {
        for (const codec of codecs) {
          const done = await comparePrograms(level, codec, {
            ...options,
            folder,
            cached: options.cached === true || comparisons.length > 0,
          });
          options.onComparison?.(done);
          comparisons.push(done);
        }
      }
    }
    return {
      dump: described,
      machine,
      ...onlyGiven({ stages, reference }),
      comparisons,
    };
  } finally {
    forgetUnfinished(held);
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeFolder(parent: string): string {
  try {
    return mkdtempSync(join(parent, "coresieve-bench-"));
  } catch (error) {
    const what = `a folder cannot be created there: ${describeSystemError(error)}`;
    throw new DumpError(isWithoutRoom(error) ? "NO_SPACE" : "NOT_WRITABLE", what, {
      file: parent,
      cure: "Name an existing folder with room for one output (--folder)",
      cause: error,
    });
  }
}

/** Removes the folder. It may stay if other programs still write to it; then returns why. */
function removeFolder(folder: string): string | undefined {
  try {
    rmSync(folder, { recursive: true, force: true });
    return undefined;
  } catch {
    return `the folder with the measured outputs stays: remove ${folder}`;
  }
}

/** The properties of the dump on which its speed depends. */
function describe({ dump, view }: Session): BenchedDump {
  const { header, machine, pageSize, fileSize, ranges } = dump;
  const known = {
    format: header.format,
    description: header.description,
    arch: machine.arch,
    pageSize,
    fileSize,
    memoryBytes: ranges.reduce((sum, { start, end }) => sum + (end - start), 0),
  };
  const kernelRelease = view?.utsname.release ?? dump.vmcoreinfo?.osrelease;
  return { ...known, kernelRelease, memoryModel: view?.memMap.model };
}
