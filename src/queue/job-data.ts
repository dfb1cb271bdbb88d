import { DumpError } from "../errors.js";
import { packageVersion } from "../package-version.js";
import { type Check, number, object, optional, text, textLike } from "../shard/check-data.js";
import { DIGEST, type DumpRequest, RUN_REQUEST } from "../shard/run-request.js";
import { MAX_SHARDS } from "../shard/shard-limits.js";
import { isRunId } from "../shard/staging-names.js";
import { MAX_KEY, MAX_PRIORITY } from "./queue-limits.js";

/**
 * Must be changed with every change of the content or meaning of job data: the workers of a fleet are not all replaced
 * at once, and a job of another format is left to workers that know it.
 */
export const JOB_FORMAT = 3;

/** The most retries of a run. The jobs of all rounds are looked up. */
export const MAX_ROUNDS = 1000;

const COUNT = number(0, Number.MAX_SAFE_INTEGER);
const PROGRAM = text(64);

const checkDump = object({
  version: number(JOB_FORMAT, JOB_FORMAT),
  /** The version of the program that submitted it. */
  program: PROGRAM,
  ...RUN_REQUEST,
  /** 0: the program chooses. */
  shards: number(0, MAX_SHARDS),
  priority: number(0, MAX_PRIORITY),
  /** The host that submitted it, and when, in milliseconds since 1970. */
  submitted: object({ host: text(256), at: COUNT }),
  /** The submitter's own name of the run. If there is one, the run's ID is made from it. */
  key: optional(text(MAX_KEY)),
  /** The number of `jobs retry` calls. */
  round: number(0, MAX_ROUNDS),
  /** Set after pass 1. */
  planned: optional(
    object({
      digest: DIGEST,
      shards: number(1, MAX_SHARDS),
      kept: COUNT,
      /** The round for which shard jobs were made; -1: none yet. */
      round: number(-1, MAX_ROUNDS),
      program: PROGRAM,
    }),
  ),
});

const checkShard = object({
  version: number(JOB_FORMAT, JOB_FORMAT),
  /** The version of the program that planned it. */
  program: PROGRAM,
  /** The ID of the dump's job. */
  dump: textLike(isRunId, "the ID of a run"),
  index: number(0, MAX_SHARDS - 1),
  shards: number(1, MAX_SHARDS),
  pages: COUNT,
  digest: DIGEST,
});

/** The job of a dump. */
export type DumpJob = ReturnType<typeof checkDump>;
/** The job of one of its shards. */
export type ShardJob = ReturnType<typeof checkShard>;

/** A job of another program version. It is valid, and a worker of that version can do it. */
export class OtherFormat extends DumpError {
  constructor(format: number, program: string | undefined) {
    const by = program === undefined ? "another version of coresieve" : `coresieve ${program}`;
    super("UNSUPPORTED", `is a job of ${by} (job format ${format}; this program reads format ${JOB_FORMAT})`, {
      cure: "A worker of that version takes it; without one, cancel the run and submit the dump again",
    });
  }
}

/** A job that no program can do. */
export class UnreadableJob extends DumpError {
  constructor(cause: DumpError) {
    super("BAD_OPTION", cause.what, { why: cause.why, file: cause.file, cure: cause.cure, cause });
  }
}

/** Throws `OtherFormat` and `UnreadableJob`. */
export function dumpJob(data: unknown): DumpJob {
  return readJob(checkDump, data, "dump");
}

/** Throws `OtherFormat` and `UnreadableJob`. */
export function shardJob(data: unknown): ShardJob {
  return readJob(checkShard, data, "shard");
}

function readJob<T>(check: Check<T>, data: unknown, at: string): T {
  const { version, program } = (typeof data === "object" && data !== null ? data : {}) as Record<string, unknown>;
  if (typeof version === "number" && Number.isSafeInteger(version) && version > 0 && version !== JOB_FORMAT) {
    const isVersion = typeof program === "string" && /^[\w.+-]{1,64}$/.test(program);
    throw new OtherFormat(version, isVersion ? program : undefined);
  }
  try {
    return check(data, at);
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    const cure = "Let nothing else write to coresieve's queues; `coresieve jobs cancel ID` removes the job";
    throw new UnreadableJob(error.with({ what: `job data: ${error.what}`, cure }));
  }
}

export function newDumpJob(
  request: DumpRequest,
  by: {
    readonly shards: number;
    readonly priority: number;
    readonly host: string;
    readonly at: number;
    readonly key?: string | undefined;
  },
): DumpJob {
  const { shards, priority, host, at, key } = by;
  const submitted = { host, at };
  return dumpJob({
    ...{ version: JOB_FORMAT, program: packageVersion() },
    ...request,
    ...{ shards, priority, submitted, key, round: 0 },
  });
}

export function newShardJob(job: Omit<ShardJob, "version" | "program">): ShardJob {
  return shardJob({ version: JOB_FORMAT, program: packageVersion(), ...job });
}

export function shardJobId(dump: string, round: number, index: number): string {
  return `${dump}-${round}-${index}`;
}
