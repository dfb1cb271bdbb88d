import { foreignText, shownJson } from "../foreign-text.js";
import type { DumpWarning } from "../warnings.js";
import { coloured } from "./terminal.js";

/** A stream to print to. */
type Stream = Pick<NodeJS.WriteStream, "write">;

/** Prints lines. Text from a dump, a name or another program in them cannot control the terminal. */
export function printLines(lines: readonly string[], stream: Stream = process.stdout): void {
  stream.write(lines.map((line) => `${foreignText(line)}\n`).join(""));
}

/** Prints a value as JSON, with its newline. */
export function printJson(value: unknown, indent?: number, stream: Stream = process.stdout): void {
  stream.write(`${shownJson(value, indent)}\n`);
}

/** Prints text of this program unchanged: help, scripts, and text that was escaped when it was made. */
export function printOwn(text: string | Uint8Array): void {
  process.stdout.write(text);
}

/** Prints a line about the run on stderr. */
export function printNote(line: string): void {
  process.stderr.write(`coresieve: ${foreignText(line)}\n`);
}

/** Prints the warnings of a run on stderr, one per line. */
export function printWarnings(warnings: readonly DumpWarning[]): void {
  for (const { message, code, count } of warnings) {
    process.stderr.write(
      `${coloured("coresieve: warning:", "yellow")} ${foreignText(message)}${count > 1 ? ` (${count})` : ""} [${code}]\n`,
    );
  }
}
