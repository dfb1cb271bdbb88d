import { finished } from "node:stream/promises";
import { openInput } from "../../reader/open-input.js";
import { STDIN } from "../../reader/source/stream-input.js";
import { Warnings } from "../../warnings.js";
import { rearrangeDump } from "../../writer/rearrange.js";
import { reassembleDump } from "../../writer/reassemble.js";
import type { MakedumpfileRequest } from "./arguments.js";
import type { DropInContext } from "./create.js";
import { sayWarnings } from "./say-warnings.js";
import { Steps } from "./steps.js";

/**
 * -R: makes a plain file of the flattened one that comes in from stdin. With --dry-run stdin is read, and nothing is
 * written.
 */
export async function rearrange(
  { files, force, dryRun }: MakedumpfileRequest,
  { signal }: DropInContext,
): Promise<boolean> {
  if (dryRun) await finished(process.stdin.resume(), { signal });
  else await rearrangeDump(STDIN, { path: files[0] as string, force }, signal);
  return true;
}

/** --reassemble: makes one file of a split set. */
export async function reassemble({ files, force }: MakedumpfileRequest, context: DropInContext): Promise<boolean> {
  const { messages, signal } = context;
  const warnings = new Warnings();
  const dump = await openInput(files.slice(0, -1), warnings, { signal });
  const steps = new Steps(messages);
  try {
    const onProgress = (done: number, total: number) => steps.update("Copying data", done, total);
    onProgress(0, 1);
    await reassembleDump(dump, { path: files.at(-1) as string, force }, { signal, onProgress });
    steps.finish();
    sayWarnings(warnings.list, context);
    return true;
  } catch (error) {
    steps.breakLine();
    throw error;
  } finally {
    dump.close();
  }
}
