import { formatBytes } from "../byte-size.js";
import { DumpError } from "../errors.js";
import { foreignText } from "../foreign-text.js";
import type { Dump } from "../reader/dump.js";
import { openInput } from "../reader/open-input.js";
import type { Warnings } from "../warnings.js";
import { type InputArguments, openOptions } from "./input-options.js";
import { canRedraw } from "./terminal.js";

const TERMINAL_MILLISECONDS = 100;
const PLAIN_MILLISECONDS = 5000;

/** Opens a command's dump, and shows progress on stderr if that takes long. Throws what `openInput` throws. */
export async function openInputs(
  files: string | readonly string[],
  warnings: Warnings,
  args: InputArguments,
  signal: AbortSignal,
  quiet = false,
): Promise<Dump> {
  const { stderr } = process;
  const terminal = canRedraw(stderr);
  const interval = terminal ? TERMINAL_MILLISECONDS : PLAIN_MILLISECONDS;
  let shown = performance.now();
  let line = false;
  const dump = openInput(files, warnings, {
    ...openOptions(args),
    digest: args.digest ?? false,
    signal,
    onSpool(name, { read, stored }) {
      const now = performance.now();
      if (quiet || now - shown < interval) return;
      shown = now;
      const text = `Reading ${foreignText(name)}: ${formatBytes(read)}, ${formatBytes(stored)} kept`;
      line = terminal;
      stderr.write(line ? `\r${text}\x1b[K` : `coresieve: ${text}\n`);
    },
  });
  return dump.finally(() => {
    if (line) stderr.write("\r\x1b[K");
  });
}

/** Throws `BAD_OPTION` if no dump is named. `usage`: how to call the command. */
export function needDump(files: readonly string[], usage: string): void {
  if (files.length === 0) throw new DumpError("BAD_OPTION", "no dump was named", { cure: `Write \`${usage}\`` });
}
