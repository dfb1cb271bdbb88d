import type { DumpWarning } from "../warnings.js";

/** Warnings of a run, a line each, on stderr. */
export function printWarnings(warnings: readonly DumpWarning[]): void {
  for (const { message, code, count } of warnings) {
    process.stderr.write(`coresieve: warning: ${message}${count > 1 ? ` (${count})` : ""} [${code}]\n`);
  }
}
