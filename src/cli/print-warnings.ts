import { foreignText } from "../foreign-text.js";
import type { DumpWarning } from "../warnings.js";
import { coloured } from "./terminal.js";

/** Prints the warnings of a run on stderr, one per line. */
export function printWarnings(warnings: readonly DumpWarning[]): void {
  for (const { message, code, count } of warnings) {
    process.stderr.write(
      `${coloured("coresieve: warning:", "yellow")} ${foreignText(message)}${count > 1 ? ` (${count})` : ""} [${code}]\n`,
    );
  }
}
