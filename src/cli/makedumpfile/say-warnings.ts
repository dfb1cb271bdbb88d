import type { DumpWarning } from "../../warnings.js";
import type { Messages } from "./messages.js";

/** Prints the warnings of a run, one per line, as errors among makedumpfile's kinds of messages. */
export function sayWarnings(
  warnings: readonly DumpWarning[],
  { program, messages }: { readonly program: string; readonly messages: Messages },
): void {
  for (const { message, count, code } of warnings) {
    messages.error(`${program}: warning: ${message}${count > 1 ? ` (${count})` : ""} [${code}]`);
  }
}
