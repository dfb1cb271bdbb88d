import { DumpError, type DumpErrorCode } from "../../errors.js";
import { formatCount } from "../../readable-count.js";
import type { PlanOutcome } from "../../steps/plan-run.js";
import { defineCommand } from "../command.js";
import { plural } from "../numbers.js";
import { printJson, printLines, printNote } from "../print.js";
import { runOptions } from "../run-request.js";
import { withStepHost } from "../step-host.js";

/** `coresieve plan DUMP… OUT --staging PLACE`: pass 1 of a run by commands. */
export const planCommand = defineCommand({
  name: "plan",
  about: {
    usage: "coresieve plan DUMP OUT --staging PLACE [options]: first of three steps",
    text: `Filter a dump by any batch system (Slurm, Kubernetes, GNU parallel), without a
queue: \`plan\` once, \`shard PLACE I\` for I from 0 to N-1, in any order and on any
host, \`finish PLACE\` once. OUT is the same bytes as one machine would write.
Each step can be started again at any time: it finds what is done.`,
    examples: `Exit codes: 0 done, 75 the same command may succeed later or elsewhere, 1 it
will not, 2 wrong command line, 128 + signal when stopped.
Example
  coresieve plan /share/vmcore /share/small --shards 8 --staging /share/run`,
  },
  async run(files, values, { signal }) {
    const { staging, numThreads } = values;
    if (staging === undefined) {
      throw new DumpError("BAD_OPTION", "no staging place was named, which the other steps need to find the run", {
        cure: "Add --staging and a folder that all hosts see under the same name, or s3://BUCKET/PREFIX",
      });
    }
    const [{ planRun }, { requestOf }] = await Promise.all([
      import("../../steps/plan-run.js"),
      import("../../shard/run-options.js"),
    ]);
    const planned = await withStepHost(
      staging,
      { numThreads, signal },
      async (host) => planRun(host, await requestOf(await runOptions(files, values)), values.shards ?? 0),
      ({ code }) => OF_THE_DUMP.has(code),
    );
    const { what, run, left } = planned;
    for (const line of left) printNote(line);
    const { shards, kept, digest } = run;
    if (values.json) printJson({ what, id: run.id, plan: digest, shards, kept, output: run.request.output }, 2);
    else if (!values.quiet) {
      printLines([
        `${SAID[what]}: ${formatCount(kept)} pages in ${plural(shards, "shard")}, plan ${digest.slice(0, 16)}`,
      ]);
    }
  },
});

const SAID: Readonly<Record<PlanOutcome["what"], string>> = {
  new: "planned",
  known: "planned before",
  done: "done already",
};

/** Errors of the dump, which other hosts would also get. */
const OF_THE_DUMP: ReadonlySet<DumpErrorCode> = new Set(["CORRUPT", "LIMIT", "UNSUPPORTED"]);
