import { Writable } from "node:stream";
import type { Codec } from "../../codec/codecs.js";
import { codecOf } from "../../codec/codecs.js";
import { checkCodec } from "../../codec/encoder.js";
import { DumpError } from "../../errors.js";
import { attachSpace } from "../../kernel/kernel-view.js";
import { onlyGiven } from "../../only-given.js";
import type { Dump } from "../../reader/dump.js";
import { openInput } from "../../reader/open-input.js";
import {
  type FilterOutput,
  type FilterProgress,
  type FilterResult,
  type FullBy,
  filterDump,
  isFull,
  type WholeFilterOptions,
} from "../../run/filter-dump.js";
import { type Session, withView } from "../../run/own-session.js";
import { openSessionAwake } from "../../run/session.js";
import { Warnings } from "../../warnings.js";
import type { WorkerThreads } from "../../worker/threads.js";
import { eraseFile } from "../erase-option.js";
import { completeOptions } from "../input-options.js";
import { needStdout } from "../need-stdout.js";
import { makedumpfileStats } from "../report.js";
import type { MakedumpfileRequest } from "./arguments.js";
import { type Messages, sayWarnings } from "./messages.js";
import { type StepName, Steps } from "./steps.js";

/** What a run needs in addition to its request. */
export interface DropInContext {
  readonly program: string;
  readonly messages: Messages;
  readonly signal: AbortSignal;
  readonly threads: WorkerThreads | undefined;
}

const STEPS: Readonly<Record<FilterProgress["phase"], StepName>> = {
  find: "Checking for memory holes",
  classify: "Excluding unnecessary pages",
  extend: "Excluding unnecessary pages",
  zero: "Excluding zero pages",
  check: "Checking for memory holes",
  search: "Checking for memory holes",
  write: "Copying data",
};

/** Creates a dump: one form of makedumpfile's main job. False if it is incomplete, or had no room at any level. */
export async function create(request: MakedumpfileRequest, context: DropInContext): Promise<boolean> {
  const { messages } = context;
  if (request.flattened && !request.dryRun) needStdout([request.files[0] ?? ""]);
  const [input = "", output = "STDOUT"] = request.files;
  const codec = usableCodec(request, messages);
  const complete = await givenKernel(request);
  const erase = await eraseFile({ erase: request.config });
  const warnings = new Warnings();
  const dump = await openInput([input], warnings, { signal: context.signal });
  try {
    const before = dump.header.dumpLevel;
    if (request.vtop !== undefined) {
      const session = await openSessionAwake(dump, { ...complete, warnings, signal: context.signal });
      sayTranslation(session, request.vtop, messages);
    }
    const stream = request.flattened && !request.dryRun ? countingStream(process.stdout) : undefined;
    const { sizeLimit, flattened } = request;
    // Bytes that were sent to a stream cannot be taken back.
    const levels = flattened ? request.levels.slice(0, 1) : request.levels;
    for (const [i, level] of levels.entries()) {
      const last = i === levels.length - 1;
      if ((before & ~level) !== 0) {
        messages.common(
          `dump_level is changed to ${level | before}, because ${input} was created by dump_level(${before}).`,
        );
      }
      const steps = new Steps(messages);
      const options: WholeFilterOptions = {
        output: outputOf(request, output, stream?.stream),
        ...{ level, codec, warnings, signal: context.signal, ...complete, ...(erase && { erase }) },
        excludeUnusedVmemmap: request.unusedVmemmap,
        format: request.elf ? "elf" : "kdump",
        ...onlyGiven({ sizeLimit, workers: context.threads }),
        onFull: last && !flattened && request.mode !== "split" ? "incomplete" : "nothing",
        onProgress: ({ phase, done, total }) => steps.update(STEPS[phase], done, total),
      };
      const { result, fullBy } = await attempt(dump, options, steps);
      if (result === undefined || fullBy !== undefined) {
        sayFull(fullBy, output, request, messages);
        if (result !== undefined) messages.common("This is an incomplete dumpfile, but might analyzable.");
        if (last) return false;
        messages.common(`Retry to create a dumpfile by dump_level(${levels[i + 1]}).`);
        continue;
      }
      sayWarnings(result.warnings, context);
      const written = stream === undefined ? result : { ...result, outputBytes: stream.bytes() };
      if (request.unusedVmemmap) {
        messages.progress(`Excluded ${result.classes["unused-vmemmap"] ?? 0} unused vmemmap pages\n`);
      }
      messages.report(...makedumpfileStats(written, options.format), "Cache hit: 0, miss: 0", "");
      return true;
    }
    return false;
  } finally {
    dump.close();
  }
}

/** The options -x and -i. */
export async function givenKernel({ vmlinux, vmcoreinfo }: MakedumpfileRequest) {
  return await completeOptions({ vmlinux, vmcoreinfo });
}

/** Does a run at one level; or returns why it had no room. */
async function attempt(
  dump: Dump,
  options: WholeFilterOptions,
  steps: Steps,
): Promise<{ readonly result?: FilterResult; readonly fullBy?: FullBy | undefined }> {
  // This step lasts until the library reports its first phase: until then it looks for the memory map.
  steps.update("Checking for memory holes", 0, 1);
  try {
    const result = await filterDump(dump, options);
    steps.update("Copying data", 1, 1);
    steps.finish();
    return { result, fullBy: result.fullBy };
  } catch (error) {
    steps.breakLine();
    if (isFull(error)) {
      return { fullBy: error.code };
    }
    throw error;
  }
}

/** zstd may be missing; then, like makedumpfile, the run goes on without compression. */
function usableCodec({ codec }: MakedumpfileRequest, messages: Messages): Codec {
  try {
    checkCodec(codecOf(codec));
    return codecOf(codec);
  } catch (error) {
    if (!(error instanceof DumpError) || error.code !== "CODEC_MISSING") throw error;
    messages.common(
      `'-z' option is disabled, because this binary doesn't support ${codec} compression.`,
      `${error.cure}.`,
    );
    return codecOf("none");
  }
}

function outputOf(request: MakedumpfileRequest, path: string, stream: NodeJS.WritableStream | undefined): FilterOutput {
  if (request.dryRun) return { discard: true, name: path };
  if (request.mode === "split") return { paths: request.files.slice(1), force: request.force };
  return stream === undefined ? { path, force: request.force } : { stream, name: path };
}

/** A stream that passes everything on and counts the bytes. */
function countingStream(target: NodeJS.WritableStream): { stream: Writable; bytes(): number } {
  let bytes = 0;
  const stream = new Writable({
    highWaterMark: 0,
    write(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.length;
      target.write(chunk, (error) => done(error));
    },
  });
  return { stream, bytes: () => bytes };
}

function sayFull(
  fullBy: FullBy | undefined,
  output: string,
  { sizeLimit }: MakedumpfileRequest,
  messages: Messages,
): void {
  const limit = sizeLimit !== undefined && fullBy === "SIZE_LIMIT";
  const what = limit ? `Size limit(${sizeLimit}) reached.` : "No space left on device";
  messages.common("", `Can't write the dump file(${output}). ${what}`);
}

/** For --vtop. makedumpfile also lists the entries of the page tables. */
function sayTranslation(session: Session, vaddr: bigint, messages: Messages): void {
  const { dump, view } = withView(session);
  const found = attachSpace(view.space, dump.memory).translate(vaddr);
  messages.common("", `Translating virtual address ${vaddr.toString(16)} to physical address.`);
  if (found === undefined)
    messages.error(`vtop: ${vaddr.toString(16)} is not mapped, or its page tables are not in the dump`);
  else {
    messages.common("VIRTUAL           PHYSICAL", `${vaddr.toString(16).padEnd(16)}  ${found.paddr.toString(16)}`);
  }
  messages.common("");
}
