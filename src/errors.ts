import { constants } from "node:os";
import { foreignText } from "./foreign-text.js";

/**
 * Why a run could not go on. Each code is stable: scripts may test it.
 *
 * | code | meaning |
 * |---|---|
 * | `NOT_A_DUMP` | the content is of no format that coresieve reads |
 * | `TRUNCATED` | the file ends before data that its headers describe |
 * | `CORRUPT` | a header, table or page contradicts the format |
 * | `LIMIT` | a count or size is above a stated limit |
 * | `UNSUPPORTED` | a known format, machine or kernel that this version cannot serve |
 * | `CODEC_MISSING` | page data need a codec that is not installed |
 * | `NOT_READABLE` | the input cannot be opened or read |
 * | `INPUT_CHANGED` | the input was written to while it was read |
 * | `WORKER_FAILED` | a worker thread died |
 * | `NO_MEMORY` | the system gives no more memory |
 * | `SYSTEM_LIMIT` | the system gives this process no more open files or threads |
 * | `NOT_WRITABLE` | the output cannot be created or written |
 * | `NO_SPACE` | the output's file system is full, or a limit of the system is reached |
 * | `SIZE_LIMIT` | the output would be larger than was allowed |
 * | `OUTPUT_EXISTS` | the output is there already, or is the input |
 * | `CANNOT_FILTER` | the dump does not tell enough of its kernel for the level asked for |
 * | `CANNOT_ERASE` | an erase rule leads to nothing in the dump |
 * | `EXTENSION` | an extension cannot be loaded, failed, or gave an answer that is none |
 * | `BAD_OPTION` | an option or its value is not usable |
 * | `STRICT` | a warning, made an error by `--strict` |
 * | `ABORTED` | the run was stopped by its caller |
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
  | "ABORTED";

/** Where and how an error came about, and what to do. */
export interface DumpErrorDetails {
  /** The file the error is about, as the user named it. */
  readonly file?: string;
  /** Byte offset in that file. */
  readonly offset?: number;
  /** What to do about it: one sentence. */
  readonly cure?: string;
  /** What the run left in the output's folder: `NOTHING_LEFT`, or which files and what is in them. */
  readonly left?: string;
  readonly cause?: unknown;
}

/** What nearly every run that fails can say. Who cannot replaces it, by `leaving`. */
export const NOTHING_LEFT = "nothing was left behind";

/**
 * The one error class of coresieve. `message` is a whole line that may be shown anywhere: file, what was found, what was expected, the cure,
 * with what a dump or a name brought into them escaped. The other members are as they came.
 */
export class DumpError extends Error {
  override readonly name = "DumpError";
  readonly code: DumpErrorCode;
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly cure: string | undefined;
  readonly left: string | undefined;
  /** File, what was found, and where: the message without the cure and what was left. */
  readonly summary: string;

  constructor(code: DumpErrorCode, what: string, given: DumpErrorDetails = {}) {
    // Whatever was to be opened: neither its name nor its place can help.
    const details = opensNoMore(given.cause) ? { ...given, cure: MORE_FILES } : given;
    const where = details.offset === undefined ? "" : ` (at byte ${details.offset})`;
    const file = details.file === undefined ? "" : `${details.file}: `;
    const summary = `${file}${what}${where}`;
    const { cure, left, cause } = details;
    super(messageOf({ summary, cure, left }), cause === undefined ? {} : { cause });
    this.summary = summary;
    this.code = code;
    this.file = details.file;
    this.offset = details.offset;
    this.cure = cure;
    this.left = left;
  }
}

/** The same error, saying what was left. */
export function leaving(error: DumpError, left: string): DumpError {
  return Object.assign(reviveDumpError({ ...plainDumpError(error), left }), { cause: error.cause });
}

/** A DumpError as plain data: errors that cross threads lose their class and fields. */
export interface PlainDumpError {
  readonly code: DumpErrorCode;
  readonly summary: string;
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly cure: string | undefined;
  readonly left: string | undefined;
}

/** The parts of an error to send to another thread. */
export function plainDumpError({ code, summary, file, offset, cure, left }: DumpError): PlainDumpError {
  return { code, summary, file, offset, cure, left };
}

/** The error that was sent. */
export function reviveDumpError({ code, ...parts }: PlainDumpError): DumpError {
  return Object.assign(new DumpError(code, ""), { message: messageOf(parts), ...parts });
}

function messageOf({ summary, cure, left }: Pick<PlainDumpError, "summary" | "cure" | "left">): string {
  return foreignText(`${summary}${cure === undefined ? "" : `. ${cure}`}${left === undefined ? "" : `; ${left}`}`);
}

/**
 * The `code` of a system error (`ENOENT` …), if `error` is one. libuv has no names for some numbers that file systems give, a full
 * quota (EDQUOT) and a lost file of a network share (ESTALE) among them: Node's code is "UNKNOWN" there, of streams "Unknown system error -122" (20.20).
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

/** What helps where `opensNoMore`. */
export const MORE_FILES = "Raise the limit of open files (`ulimit -n 1024`)";

/** Causes of causes that are looked at: ours are two deep at most. */
const CAUSES = 4;

/** Whether an error, or what caused it, is that this process or the system has too many open files. */
export function opensNoMore(error: unknown): boolean {
  let one = error;
  for (let i = 0; i < CAUSES && one instanceof Error; i++, one = one.cause) {
    const code = systemErrorCode(one);
    if (code === "EMFILE" || code === "ENFILE") return true;
  }
  return false;
}

/** What V8 and Node say when the system gives no more memory; other RangeErrors are mistakes in the program. */
const NO_MEMORY = /array buffer allocation failed|could not allocate memory|failed to allocate memory|out of memory/i;

/** The same as a `NO_MEMORY` error, if `error` says that memory cannot be had. */
export function memoryError(error: unknown): DumpError | undefined {
  if (!(error instanceof RangeError) || !NO_MEMORY.test(error.message)) return undefined;
  return new DumpError("NO_MEMORY", `the system gives no more memory: ${error.message}`, {
    cure: "Free some, use fewer threads (--num-threads 1), or raise the limit of this process or container",
    cause: error,
  });
}
