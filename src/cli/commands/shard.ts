import { tmpdir } from "node:os";
import { formatBytes } from "../../byte-size.js";
import { DumpError } from "../../errors.js";
import type { ShardOutcome } from "../../steps/shard-run.js";
import { defineCommand } from "../command.js";
import { printJson, printLines } from "../print.js";
import { placeNamed, withStepHost } from "../step-host.js";

const USAGE = "coresieve shard PLACE INDEX";

/** `coresieve shard PLACE INDEX`: makes one shard of a run by commands. */
export const shardCommand = defineCommand({
  name: "shard",
  about: {
    usage: "coresieve shard PLACE INDEX [options]: second of three steps",
    text: `Makes one part of a run that \`coresieve plan\` has planned in PLACE; the first
is 0. Any host may make any of them, in any order, and make it again.`,
    examples: `Exit codes: as those of \`coresieve plan\`. 75 also if no run is planned there.
Example
  sbatch --array=0-7 --wrap 'coresieve shard /share/run $SLURM_ARRAY_TASK_ID'`,
  },
  async run(words, values, { signal }) {
    const [place, index] = words;
    if (place === undefined || index === undefined || words.length !== 2 || !/^\d{1,9}$/.test(index)) {
      throw new DumpError("BAD_OPTION", "a place and the number of a shard must be named", {
        cure: `Write \`${USAGE}\``,
      });
    }
    const { shardRun } = await import("../../steps/shard-run.js");
    const { numThreads } = values;
    const outcome = await withStepHost(placeNamed([place], USAGE), { numThreads, signal }, (host) =>
      shardRun(host, Number(index), {
        spoolDir: values.spoolDir ?? tmpdir(),
        patience: 1000 * (values.wait ?? 30),
      }),
    );
    if (values.json) printJson(outcome, 2);
    else if (!values.quiet) {
      const size = outcome.bytes === 0 ? "" : `, ${formatBytes(outcome.bytes)}`;
      printLines([`shard ${outcome.index} of ${outcome.shards} ${SAID[outcome.what]}${size}`]);
    }
  },
});

const SAID: Readonly<Record<ShardOutcome["what"], string>> = {
  placed: "is in the output",
  waits: "is encoded, and waits in the staging for those before it",
  finished: "is in the output, which is finished",
  none: "is not needed: the plan has fewer",
};
