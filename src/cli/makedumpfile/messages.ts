import { foreignLines, foreignText } from "../../foreign-text.js";
import type { DumpWarning } from "../../warnings.js";

/** Kinds of messages, the bits of --message-level. */
export const PROGRESS = 1;
const COMMON = 2;
const ERROR = 4;
export const DEBUG = 8;
export const REPORT = 16;
export const ALL_MESSAGES = 31;
export const STANDARD_MESSAGES = PROGRESS | COMMON | ERROR;

/** The streams for makedumpfile's kinds of messages. */
interface MessageStreams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/**
 * Prints the messages that the message level allows. Progress and errors go to stderr; all others to stdout, or with -F
 * also to stderr, because stdout has the dump.
 */
export class Messages {
  level = STANDARD_MESSAGES;
  /** Whether -F was given. */
  flattened = false;

  constructor(private readonly streams: MessageStreams) {}

  has(kind: number): boolean {
    return (this.level & kind) !== 0;
  }

  /** Lines of kind COMMON. */
  common(...lines: readonly string[]): void {
    this.#say(COMMON, lines);
  }

  debug(...lines: readonly string[]): void {
    this.#say(DEBUG, lines);
  }

  report(...lines: readonly string[]): void {
    this.#say(REPORT, lines);
  }

  /** A line about an error or a possible one; the stack of a mistake in coresieve may follow. */
  error(line: string): void {
    if (this.has(ERROR)) this.streams.stderr.write(`${foreignLines(line)}\n`);
  }

  /** Text of kind PROGRESS, unchanged, without a newline. */
  progress(text: string): void {
    if (this.has(PROGRESS)) this.streams.stderr.write(text);
  }

  /** A message of getopt, which is printed at every level. */
  always(line: string): void {
    this.streams.stderr.write(`${foreignText(line)}\n`);
  }

  #say(kind: number, lines: readonly string[]): void {
    if (!this.has(kind)) return;
    const { stdout, stderr } = this.streams;
    // Tabs are kept: they belong to makedumpfile's tables, which scripts parse.
    const shown = lines.map((line) => `${line.split("\t").map(foreignText).join("\t")}\n`);
    (this.flattened ? stderr : stdout).write(shown.join(""));
  }
}

/** Prints the warnings of a run, one per line, as errors among makedumpfile's kinds of messages. */
export function sayWarnings(
  warnings: readonly DumpWarning[],
  { program, messages }: { readonly program: string; readonly messages: Messages },
): void {
  for (const { message, count, code } of warnings) {
    messages.error(`${program}: warning: ${message}${count > 1 ? ` (${count})` : ""} [${code}]`);
  }
}
