import { tmpdir } from "node:os";
import { DumpError } from "../../errors.js";
import { MAX_THREADS } from "../../worker/threads.js";
import { type CommandContext, defineCommand, FLAG, type OptionValues, VALUE } from "../command.js";
import { printNote } from "../print.js";
import { wholeNumber } from "./submit.js";

const HELP = `coresieve worker --allow FOLDER [options]: work for the queue

Takes what \`coresieve submit\` has put into the queue, on as many hosts as there
are, until it is stopped. Dumps and outputs lie in folders that all workers have
at the same place.

      --allow FOLDER       touch files in this folder only; may be repeated.
                           s3://BUCKET/PREFIX/: objects whose keys begin so
      --redis URL          the queue (default: $REDIS_URL, or this host)
      --concurrency N      jobs in work at once (default 1: one uses all cores)
      --num-threads N      threads of all of them (default: one per core, 16)
      --waiting N          encoded shards that may wait for their place besides,
                           each in a temporary file (default 4)
      --spool-dir DIR      where those files are (default: $TMPDIR)
      --takeover SECONDS   without a sign of life for so long, a job goes to
                           another worker (default 30)
      --grace SECONDS      when stopped, finish what is done by then and hand
                           back the rest (default 30); a second signal ends it
      --metrics PORT       serve metrics for Prometheus at http://HOST:PORT on
                           this host alone; HOST:PORT: elsewhere
      --traces             make traces for OpenTelemetry (needs bullmq-otel)
  -q, --quiet              print errors only
  -v, --version            print the version
  -h, --help               print this text

Example
  REDIS_URL=redis://queue:6379 coresieve worker --allow /share/dumps
`;

const OPTIONS = {
  allow: { ...VALUE, array: true },
  redis: VALUE,
  concurrency: VALUE,
  "num-threads": VALUE,
  waiting: VALUE,
  "spool-dir": VALUE,
  takeover: VALUE,
  grace: VALUE,
  metrics: VALUE,
  traces: FLAG,
  quiet: { ...FLAG, alias: "q" },
} as const;

/** `coresieve worker`: takes jobs from the queue. */
export const workerCommand = defineCommand({ help: HELP, options: OPTIONS, run: startWorker });

async function startWorker(
  files: readonly string[],
  values: OptionValues<typeof OPTIONS>,
  { signal }: CommandContext,
): Promise<void> {
  if (files.length > 0) {
    throw new DumpError("BAD_OPTION", `${files[0]}: a worker takes no files`, {
      cure: "Submit dumps with `coresieve submit`",
    });
  }
  const allow = values.allow ?? [];
  if (allow.length === 0) {
    throw new DumpError("BAD_OPTION", "no folder was named that the worker may touch", {
      cure: "Add --allow and the folder that dumps and outputs lie in",
    });
  }
  const seconds = (name: string, text: string | undefined, standard: number, least: number) =>
    1000 * (wholeNumber(name, text, least, 86400) ?? standard);
  const [{ loadTelemetry }, { metricsAddress }, { redisUrl }, { runWorker }] = await Promise.all([
    import("../../queue/load-bullmq.js"),
    import("../../queue/metrics.js"),
    import("../../queue/queues.js"),
    import("../../queue/worker.js"),
  ]);
  await runWorker({
    redis: redisUrl(values.redis),
    allow,
    concurrency: wholeNumber("--concurrency", values.concurrency, 1, 64) ?? 1,
    waiting: wholeNumber("--waiting", values.waiting, 0, 1024) ?? 4,
    threads: wholeNumber("--num-threads", values.numThreads, 1, MAX_THREADS),
    spoolDir: values.spoolDir ?? tmpdir(),
    takeover: seconds("--takeover", values.takeover, 30, 1),
    grace: seconds("--grace", values.grace, 30, 0),
    metrics: values.metrics === undefined ? undefined : metricsAddress(values.metrics),
    telemetry: values.traces ? await loadTelemetry() : undefined,
    signal,
    log: (line) => {
      if (!values.quiet) printNote(line);
    },
  });
}
