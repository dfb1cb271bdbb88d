import { tmpdir } from "node:os";
import { DumpError } from "../../errors.js";
import { defineCommand } from "../command.js";
import { outputAccess } from "../output-access.js";
import { printNote } from "../print.js";
import { keepYoungHeapSmall } from "../small-young-heap.js";

/** `coresieve worker`: takes jobs from the queue. */
export const workerCommand = defineCommand({
  name: "worker",
  about: {
    usage: "coresieve worker --allow FOLDER [options]: work for the queue",
    text: `Takes what \`coresieve submit\` has put into the queue, on as many hosts as there
are, until it is stopped. Dumps and outputs lie in folders that all workers have
at the same place.`,
    examples: `Example
  REDIS_URL=redis://queue:6379 coresieve worker --allow /share/dumps`,
  },
  async run(files, values, { signal }) {
    if (files.length > 0) {
      throw new DumpError("BAD_OPTION", `${files[0]}: a worker takes no files`, {
        cure: "Submit dumps with `coresieve submit`",
      });
    }
    const both = values.allow ?? [];
    const allow = { read: [...both, ...(values.allowRead ?? [])], write: [...both, ...(values.allowWrite ?? [])] };
    if (allow.read.length === 0 || allow.write.length === 0) {
      throw new DumpError("BAD_OPTION", "the worker has no folder that it may read and write", {
        cure: "Add --allow and the folder that dumps and outputs lie in, or --allow-read and --allow-write",
      });
    }
    const access = outputAccess(values);
    const [{ RETENTION_DAYS }, { loadTelemetry }, { metricsAddress }, { redisUrl }, { runWorker }] = await Promise.all([
      import("../../queue/clean-stagings.js"),
      import("../../queue/load-bullmq.js"),
      import("../../queue/metrics.js"),
      import("../../queue/queues.js"),
      import("../../queue/worker.js"),
    ]);
    keepYoungHeapSmall();
    await runWorker({
      redis: redisUrl(values.redis),
      allow,
      concurrency: values.concurrency ?? 1,
      waiting: values.waiting ?? 4,
      threads: values.numThreads,
      spoolDir: values.spoolDir ?? tmpdir(),
      takeover: 1000 * (values.takeover ?? 30),
      grace: 1000 * (values.grace ?? 30),
      keep: { done: values.keepDone ?? 7, failed: values.keepFailed ?? RETENTION_DAYS },
      cleanEvery: values.cleanEvery,
      access,
      metrics: values.metrics === undefined ? undefined : metricsAddress(values.metrics),
      telemetry: values.traces ? await loadTelemetry() : undefined,
      signal,
      log: (line) => {
        if (!values.quiet) printNote(line);
      },
    });
  },
});
