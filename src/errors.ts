import { constants } from "node:os";
import { foreignText } from "./foreign-text.js";
import { inWords, OPTION } from "./option-words.js";
import { shownUrl } from "./shown-address.js";

/**
 * Why a run could not go on. Each code is stable: scripts may test it.
 *
 * | code | when | what to do |
 * |---|---|---|
 * | `NOT_READABLE` | the input cannot be opened or read, is empty, or is a directory | check its name, its permissions and the disk |
 * | `NOT_A_DUMP` | the content is of no format that coresieve reads; the message names what it is, if that is known | unpack it, or make the dump again as the message says; bare memory needs `--raw` |
 * | `TRUNCATED` | the file ends before data that its headers describe | copy it again from where it was made, or `--salvage` |
 * | `CORRUPT` | a header, table or page contradicts the format, or files are not of one split set | copy it again; name all files of the set; or `--salvage` |
 * | `LIMIT` | a count or size is above a stated limit: a damaged header | copy it again |
 * | `UNSUPPORTED` | a known format, machine or kernel that this version cannot serve | see support-matrix.md |
 * | `CODEC_MISSING` | a codec is needed that is not installed | install zstd-napi or lz4-napi, use Node.js 22.15 or later for zstd, or take another codec |
 * | `CANNOT_FILTER` | the dump does not say enough about its kernel for this level: no VMCOREINFO, unknown architecture, page tables or struct pages not found | `-x VMLINUX`, or levels 0 and 1. QEMU guests: `-device vmcoreinfo` |
 * | `OUTPUT_EXISTS` | the output exists, is a directory, or is the input | `-f`, or another name |
 * | `INPUT_CHANGED` | the input was written to, or grew, while it was read | wait until it has been written or copied to the end |
 * | `WORKER_FAILED` | a worker thread died, or ran out of memory | fewer threads (`--num-threads`), more memory (`NODE_OPTIONS=--max-old-space-size=4096`) |
 * | `NO_MEMORY` | the system has no more memory for this process | free some, fewer threads, or a higher limit of the process or container |
 * | `SYSTEM_LIMIT` | the system gives this process no more open files or threads | `ulimit -n 1024`, `ulimit -u unlimited`, `--num-threads 1` |
 * | `NOT_WRITABLE` | the output cannot be created or written, or the reader of the pipe has ended | check the folder; look at what the other program says |
 * | `NO_SPACE` | the disk or a quota is full (the output's, or that of a temporary file), or a limit of the system on file sizes is reached | make room, drop or compress more, `--on-full incomplete` |
 * | `SIZE_LIMIT` | the output would be larger than `-L` allows | allow more, drop or compress more, `--on-full incomplete` |
 * | `CANNOT_ERASE` | a rule of `--erase` leads to nothing in this dump, or the dump has no symbols and types | check the names; `?` before a rule allows it; `-x VMLINUX` |
 * | `EXTENSION` | an extension cannot be loaded, failed, or gave an invalid answer | see library.md |
 * | `BAD_OPTION` | an option or its value cannot be used (exit code 2) | `coresieve --help` |
 * | `STRICT` | a warning, which `--strict` makes an error | without `--strict` the run goes on |
 * | `NOT_READY` | what other hosts have to do first is not done (exit code 75) | begin this step again later |
 * | `ABORTED` | the run was stopped by a signal or by its caller | |
 */
export type DumpErrorCode =
  | "NOT_A_DUMP"
  | "TRUNCATED"
  | "CORRUPT"
  | "LIMIT"
  | "UNSUPPORTED"
  | "CODEC_MISSING"
  | "NOT_READABLE"
  | "INPUT_CHANGED"
  | "WORKER_FAILED"
  | "NO_MEMORY"
  | "SYSTEM_LIMIT"
  | "NOT_WRITABLE"
  | "NO_SPACE"
  | "SIZE_LIMIT"
  | "OUTPUT_EXISTS"
  | "CANNOT_FILTER"
  | "CANNOT_ERASE"
  | "EXTENSION"
  | "BAD_OPTION"
  | "STRICT"
  | "NOT_READY"
  | "ABORTED";

/**
 * The precise meaning of a code, for callers that act on it. Each is stable.
 *
 * | subcode | of | meaning |
 * |---|---|---|
 * | `MACHINE_UNSUPPORTED` | `CANNOT_FILTER` | this version knows no kernels of the dump's machine: nothing is wrong with the dump |
 * | `PROCESS_CORE` | `NOT_A_DUMP` | the ELF core of a process, not of a kernel |
 * | `XEN_CORE` | `NOT_A_DUMP` | the core of a Xen domain, which has sections in place of physical memory |
 * | `XEN_HOST` | `CANNOT_FILTER` | the memory of a Xen host, in which domain 0 is one machine of several: nothing is wrong with the dump |
 * | `OTHER_KERNEL` | `BAD_OPTION` | the given VMCOREINFO or vmlinux is of another kernel than the dump's |
 */
export type DumpErrorSubcode = "MACHINE_UNSUPPORTED" | "PROCESS_CORE" | "XEN_CORE" | "XEN_HOST" | "OTHER_KERNEL";

/** Where and how an error came about, and what to do. */
export interface DumpErrorDetails {
  readonly subcode?: DumpErrorSubcode | undefined;
  /** The reason, if `what` only says what could not be done. In the sentence it follows a colon. */
  readonly why?: string | undefined;
  /** The file the error is about, as the user named it. */
  readonly file?: string | undefined;
  /** Byte offset in that file. */
  readonly offset?: number | undefined;
  /** What to do about it: one sentence. */
  readonly cure?: string | undefined;
  /** What the run left in the output's folder: `NOTHING_LEFT`, or which files and their content. */
  readonly left?: string | undefined;
  /** The system's name of the failure (`ENOENT` …), or a store's, if `cause` does not have it. */
  readonly systemError?: string | undefined;
  readonly cause?: unknown;
}

/** True for nearly every run that fails. If it is not, it is replaced by `with`. */
export const NOTHING_LEFT = "nothing was left behind";

/**
 * The only error class of coresieve. `message` is a whole line that may be shown anywhere: file, what was found, what
 * was expected, the cure. Text from a dump or a name is escaped in it. The other members are not escaped: code that
 * needs a part takes it from them, and never parses a message.
 */
export class DumpError extends Error {
  override readonly name = "DumpError";
  readonly code: DumpErrorCode;
  readonly subcode: DumpErrorSubcode | undefined;
  /** What happened. */
  readonly what: string;
  readonly why: string | undefined;
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly cure: string | undefined;
  readonly left: string | undefined;
  /** The system's name of the failure (`ENOENT` …), if the system reported one, or a store's (`NoSuchBucket`). */
  readonly systemError: string | undefined;

  constructor(code: DumpErrorCode, problem: string, given: DumpErrorDetails = {}) {
    // The cause is that no file can be opened at all, so advice about this file's name or place does not help.
    const details = opensNoMore(given.cause) ? { ...given, cure: MORE_FILES } : given;
    const { subcode, offset, cause } = details;
    const what = inWords(problem);
    const [why, file, cure, left] = [details.why, details.file, details.cure, details.left].map(
      (one) => one && inWords(one),
    );
    super(sentenceOf({ what, why, file, offset, cure, left }), cause === undefined ? {} : { cause });
    this.code = code;
    this.subcode = subcode;
    this.what = what;
    this.why = why;
    this.file = file;
    this.offset = offset;
    this.cure = cure;
    this.left = left;
    this.systemError = details.systemError ?? systemErrorOf(cause);
  }

  /** What was found, without the file, the offset, the cure and what was left. */
  get reason(): string {
    return reasonOf(this);
  }

  /** File, what was found, and the offset: the message without the cure and what was left. Nothing in it is escaped. */
  get summary(): string {
    return summaryOf(this);
  }

  /** The same error with other parts. `undefined` removes a part. */
  with(parts: DumpErrorDetails & { readonly code?: DumpErrorCode; readonly what?: string }): DumpError {
    const { code, what, ...details } = { ...plainDumpError(this), cause: this.cause, ...parts };
    return new DumpError(code, what, details);
  }
}

/** A DumpError as plain data: when errors cross threads, they lose their class and fields. */
export interface PlainDumpError extends Omit<DumpErrorDetails, "cause"> {
  readonly code: DumpErrorCode;
  readonly what: string;
}

/** The parts of an error, to be sent to another thread. */
export function plainDumpError(error: DumpError): PlainDumpError {
  const { code, subcode, what, why, file, offset, cure, left, systemError } = error;
  return { code, subcode, what, why, file, offset, cure, left, systemError };
}

/** The error from parts that were sent. */
export function reviveDumpError({ code, what, ...details }: PlainDumpError): DumpError {
  return new DumpError(code, what, details);
}

type Parts = Pick<PlainDumpError, "what" | "why" | "file" | "offset" | "cure" | "left">;

/** The only place that makes the sentence. A name that may be a mistyped URL is shown without its secrets. */
function sentenceOf(parts: Parts): string {
  const { cure, left } = parts;
  const end = `${cure === undefined ? "" : `. ${cure}`}${left === undefined ? "" : `; ${left}`}`;
  return foreignText(`${summaryOf(parts)}${end}`);
}

function summaryOf(parts: Parts): string {
  const { file, offset } = parts;
  const where = offset === undefined ? "" : ` (at byte ${offset})`;
  return `${file === undefined ? "" : `${shownName(file)}: `}${reasonOf(parts)}${where}`;
}

/** The longest path of a system (PATH_MAX of Linux): no file has a longer name, and it would fill the terminal. */
const LONGEST_NAME = 4096;

function shownName(name: string): string {
  const file = shownUrl(name);
  return file.length > LONGEST_NAME ? `${file.slice(0, 60)}… (${file.length} characters)` : file;
}

function reasonOf({ what, why }: Parts): string {
  return why === undefined ? what : `${what}: ${why}`;
}

/**
 * The `code` of a system error (`ENOENT` …), if `error` is one. libuv has no names for some numbers of file systems,
 * among them a full quota (EDQUOT) and a lost file of a network share (ESTALE). Node's code is then "UNKNOWN", or for
 * streams "Unknown system error -122" (20.20).
 */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  if (!/^(UNKNOWN$|Unknown system error)/.test(error.code)) return error.code;
  return "errno" in error && typeof error.errno === "number" ? nameOfNumber(-error.errno) : error.code;
}

function nameOfNumber(number: number): string {
  const found = Object.entries(constants.errno).find(([, value]) => value === number);
  return found?.[0] ?? `error ${number}`;
}

/** The cure if `opensNoMore`. */
export const MORE_FILES = "Raise the limit of open files (`ulimit -n 1024`)";

/** The depth to which causes are followed: coresieve's own are nested two deep at most. */
const CAUSES = 4;

/** Whether an error, or its cause, says that this process or the system has too many open files. */
export function opensNoMore(error: unknown): boolean {
  let one = error;
  for (let i = 0; i < CAUSES && one instanceof Error; i++, one = one.cause) {
    const code = systemErrorCode(one);
    if (code === "EMFILE" || code === "ENFILE") return true;
  }
  return false;
}

/** The system's name for the failure of an error or of its cause. */
function systemErrorOf(error: unknown): string | undefined {
  let one = error;
  for (let i = 0; i < CAUSES && one instanceof Error; i++, one = one.cause) {
    const code = one instanceof DumpError ? one.systemError : systemErrorCode(one);
    // Node's own names (ERR_…) and OpenSSL's are not the system's.
    if (code !== undefined && /^(E(?!RR_)|error )/.test(code)) return code;
  }
  return undefined;
}

/**
 * V8's messages when the system has no more memory for this process. They are parsed because V8's errors have no codes,
 * and its other RangeErrors are mistakes in the program (seen with Node 20 to 24). Node's own error has a code:
 * `ERR_MEMORY_ALLOCATION_FAILED`.
 */
const NO_MEMORY = /array buffer allocation failed|could not allocate memory|failed to allocate memory|out of memory/i;

function isOutOfMemory(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (systemErrorCode(error) === "ERR_MEMORY_ALLOCATION_FAILED") return true;
  return error instanceof RangeError && NO_MEMORY.test(error.message);
}

/** A `NO_MEMORY` error, if `error` says that no memory is available. */
export function memoryError(error: unknown): DumpError | undefined {
  if (!isOutOfMemory(error)) return undefined;
  return new DumpError("NO_MEMORY", "the system has no more memory for this process", {
    why: error.message,
    cure: `Free some, use fewer threads (${OPTION.threads}), or raise the limit of this process or container`,
    cause: error,
  });
}

/** The error of a run that was stopped by its signal. `left` says otherwise where something stays. */
export function abortedError(
  left: { readonly left?: string; readonly file?: string } = { left: NOTHING_LEFT },
): DumpError {
  return new DumpError("ABORTED", "stopped", left);
}

/** Throws `ABORTED` once the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError();
}
