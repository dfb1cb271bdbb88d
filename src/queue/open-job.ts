import { DumpError } from "../errors.js";
import { outputPlace } from "../shard/output-place.js";
import type { OutputPlace } from "../shard/place.js";
import { isRunId } from "../shard/staging-names.js";
import type { Host } from "./host.js";
import { type DumpJob, UnreadableJob } from "./job-data.js";

/**
 * The place in which a job's output is made; must be closed at the end. Throws `NOT_WRITABLE` for a place that this
 * worker may not use, `UnreadableJob` for an invalid ID.
 */
export async function placeOf(
  id: string,
  job: DumpJob,
  { allowed, store }: Pick<Host, "allowed" | "store">,
): Promise<OutputPlace> {
  // The ID is a part of the staging's name, so an invalid one could lead out of the allowed places.
  if (!isRunId(id)) {
    const cause = new DumpError("BAD_OPTION", "the job's ID is not one that `coresieve submit` gives", {
      cure: "Let nothing else write to coresieve's queues; `coresieve jobs cancel ID` removes the job",
    });
    throw new UnreadableJob(cause);
  }
  const { path, folder } = allowed.output(job.output);
  return outputPlace(path, id, store, folder);
}
