import { formatBytes } from "../../byte-size.js";
import { shownUrl } from "../../shown-address.js";
import { defineCommand } from "../command.js";
import { plural } from "../numbers.js";
import { outputAccess } from "../output-access.js";
import { printJson, printLines, printNote } from "../print.js";
import { placeNamed, withStepHost } from "../step-host.js";

/** `coresieve finish PLACE`: finishes the output of a run by commands. */
export const finishCommand = defineCommand({
  name: "finish",
  about: {
    usage: "coresieve finish PLACE: third of three steps",
    text: `Puts together what \`coresieve shard\` has made for the run in PLACE. OUT appears
when it is whole, and the temporary files go. Missing shards are named.`,
    examples: `Exit codes: as those of \`coresieve plan\`. 75 also if shards are missing.
Example
  sbatch --dependency=afterany:$SHARDS --wrap 'coresieve finish /share/run'`,
  },
  async run(words, { json, quiet, outputMode, outputOwner }, { signal }) {
    const path = placeNamed(words, "coresieve finish PLACE");
    const access = outputAccess({ outputMode, outputOwner });
    const { finishRun } = await import("../../steps/finish-run.js");
    const by = { numThreads: 1, signal };
    const { run, result, unsure } = await withStepHost(path, by, (host) => finishRun(host, access));
    if (unsure !== undefined) printNote(unsure);
    const { output } = run.request;
    if (json) printJson({ output, shards: run.shards, result }, 2);
    else if (!quiet)
      printLines([`${shownUrl(output)}: ${formatBytes(result.outputBytes)}, from ${plural(run.shards, "shard")}`]);
  },
});
