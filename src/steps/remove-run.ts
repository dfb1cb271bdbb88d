import { DumpError } from "../errors.js";
import { isBucketMissing } from "../store/s3-errors.js";
import type { StepRun } from "./run-file.js";
import { placeOfRun, type StepHost } from "./step-host.js";

/**
 * Removes everything of a run except its output. Where the bucket is missing, nothing of it can be there. Returns
 * a line if it is not known whether something is left. Throws `NOT_WRITABLE`.
 */
export async function removeRun(host: StepHost, run: StepRun): Promise<string | undefined> {
  const output = await placeOfRun(host, run);
  try {
    await output.remove();
    return output.unsure?.();
  } catch (error) {
    if (!isBucketMissing(error)) throw error;
    return undefined;
  } finally {
    output.letGo();
  }
}

/**
 * Removes what is no longer needed. What cannot be removed fails no step that did its own work: returns a line that says
 * what may be left next to the output, or nothing.
 */
export async function removeOrSay(
  output: string,
  remove: () => Promise<string | undefined>,
): Promise<readonly string[]> {
  try {
    const unsure = await remove();
    return unsure === undefined ? [] : [unsure];
  } catch (error) {
    if (!(error instanceof DumpError && (error.code === "NOT_WRITABLE" || error.code === "NOT_READABLE"))) throw error;
    return [`files of an earlier plan may be left next to ${output}: ${error.summary}`];
  }
}
