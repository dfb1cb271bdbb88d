import { DumpError } from "../errors.js";
import { outputPlace } from "../shard/output-place.js";
import type { OutputPlace } from "../shard/place.js";
import { isRunId } from "../shard/staging-names.js";
import type { Host } from "./host.js";
import { type DumpJob, UnreadableJob } from "./job-data.js";

/**
 * Where a job's output comes into being; to be let go at the end. Throws `NOT_WRITABLE` for what this worker may not touch, `UnreadableJob` for an ID
 * that no run has.
 */
export async function placeOf(
  id: string,
  job: DumpJob,
  { allowed, store }: Pick<Host, "allowed" | "store">,
): Promise<OutputPlace> {
  // It is a part of the staging's name, and would lead out of what this worker may touch.
  if (!isRunId(id)) {
    const cause = new DumpError("BAD_OPTION", "the job's ID is not one that `coresieve submit` gives", {
      cure: "Let nothing else write to coresieve's queues; `coresieve jobs cancel ID` removes the job",
    });
    throw new UnreadableJob(cause);
  }
  const { path, folder } = allowed.output(job.output);
  return outputPlace(path, id, store, folder);
}
