import { foreignText, shownJson } from "../foreign-text.js";

/** Where something is printed. */
type Stream = Pick<NodeJS.WriteStream, "write">;

/** Prints lines. Whatever of a dump, a name or another program is in them cannot steer the terminal. */
export function printLines(lines: readonly string[], stream: Stream = process.stdout): void {
  stream.write(lines.map((line) => `${foreignText(line)}\n`).join(""));
}

/** Prints a value as JSON, with its newline. */
export function printJson(value: unknown, indent?: number, stream: Stream = process.stdout): void {
  stream.write(`${shownJson(value, indent)}\n`);
}

/** Prints text of our own as it is: help, scripts, and what was escaped where it was made. */
export function printOwn(text: string | Uint8Array): void {
  process.stdout.write(text);
}

/** A line about the run, on stderr. */
export function printNote(line: string): void {
  process.stderr.write(`coresieve: ${foreignText(line)}\n`);
}
