import { foreignLines, foreignText } from "../../foreign-text.js";

/** Kinds of messages, the bits of --message-level. */
export const PROGRESS = 1;
export const COMMON = 2;
export const ERROR = 4;
export const DEBUG = 8;
export const REPORT = 16;
export const ALL_MESSAGES = 31;
export const STANDARD_MESSAGES = PROGRESS | COMMON | ERROR;

/** Where the words of a run go: makedumpfile's kinds of messages on makedumpfile's streams. */
export interface MessageStreams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/**
 * Says what the message level lets through. Progress and errors go to stderr; all else to stdout, or to stderr too with -F,
 * when stdout carries the dump.
 */
export class Messages {
  level = STANDARD_MESSAGES;
  /** -F was read. */
  flattened = false;
  readonly #streams: MessageStreams;

  constructor(streams: MessageStreams) {
    this.#streams = streams;
  }

  has(kind: number): boolean {
    return (this.level & kind) !== 0;
  }

  /** Lines for everybody. */
  common(...lines: readonly string[]): void {
    this.#say(COMMON, lines);
  }

  debug(...lines: readonly string[]): void {
    this.#say(DEBUG, lines);
  }

  report(...lines: readonly string[]): void {
    this.#say(REPORT, lines);
  }

  /** A line about what went wrong, or may have; the stack of a mistake in coresieve may follow it. */
  error(line: string): void {
    if (this.has(ERROR)) this.#streams.stderr.write(`${foreignLines(line)}\n`);
  }

  /** Text as it is, without a newline. */
  progress(text: string): void {
    if (this.has(PROGRESS)) this.#streams.stderr.write(text);
  }

  /** What getopt says: no level keeps it back. */
  always(line: string): void {
    this.#streams.stderr.write(`${foreignText(line)}\n`);
  }

  #say(kind: number, lines: readonly string[]): void {
    if (!this.has(kind)) return;
    const { stdout, stderr } = this.#streams;
    // Tabs are those of makedumpfile's tables, which scripts read.
    const shown = lines.map((line) => `${line.split("\t").map(foreignText).join("\t")}\n`);
    (this.flattened ? stderr : stdout).write(shown.join(""));
  }
}
