import { formatBytes } from "../../byte-size.js";
import type { StagingState } from "../../steps/staging-state.js";
import { defineCommand } from "../command.js";
import { printJson, printLines, printNote } from "../print.js";
import { placeNamed, withStepHost } from "../step-host.js";
import { TRY_AGAIN } from "../stop.js";

/** `coresieve staging PLACE`: prints the state of a run by commands. */
export const stagingCommand = defineCommand({
  name: "staging",
  about: {
    usage: "coresieve staging PLACE [options]: the state of a run by steps",
    text: `Says what is done and what is missing of the run that \`coresieve plan\` has
planned in PLACE, or removes what there is of it.`,
    examples: `Exit codes: 0 nothing is missing, 75 shards are missing or no run is planned.
Example
  sbatch --array=$(coresieve staging --missing /share/run) shard.sh`,
  },
  async run(words, { json, missing, clean }, { signal }) {
    const path = placeNamed(words, "coresieve staging PLACE");
    const [{ cleanStaging, stagingState }, { indexList }] = await Promise.all([
      import("../../steps/staging-state.js"),
      import("../../steps/index-list.js"),
    ]);
    const by = { numThreads: 1, signal };
    if (clean) {
      const left = await withStepHost(path, by, cleanStaging);
      for (const line of left) printNote(line);
      if (left.length === 0) printLines([`${path}: nothing is left of its run but the output`]);
      return undefined;
    }
    const state = await withStepHost(path, by, stagingState);
    if (json) printJson(state, 2);
    else if (!missing) printLines([describeStaging(state, indexList)]);
    else if (state.missing.length > 0) printLines([indexList(state.missing)]);
    return state.missing.length > 0 ? TRY_AGAIN : undefined;
  },
});

function describeStaging(state: StagingState, list: (indexes: readonly number[]) => string): string {
  const { inputs, output, shards, finished, outputBytes, waiting, missing } = state;
  const what = `${inputs[0]} to ${output}`;
  if (finished) return `finished: ${what}, ${formatBytes(outputBytes ?? 0)}`;
  const done = shards - waiting.length - missing.length;
  const waits = waiting.length === 0 ? "" : `; ${list(waiting)} wait for their place`;
  if (missing.length === 0) return `to be finished: ${what}, all ${shards} shards are made${waits}`;
  return `${what}: ${done} of ${shards} shards are done${waits}; missing: ${list(missing)}`;
}
