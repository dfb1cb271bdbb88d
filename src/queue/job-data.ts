import { createHash } from "node:crypto";
import { CODEC_NAMES } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import { MAX_LEVEL } from "../filter/policy.js";
import { PRIVACY_EXTRAS } from "../filter/privacy/scrub.js";
import { packageVersion } from "../package-version.js";
import { MAX_SHARDS } from "../shard/shard-limits.js";
import { isRunId } from "../shard/staging-names.js";
import { type Check, flag, list, number, object, oneOf, optional, text, textLike } from "./check-data.js";

/**
 * Changes with every change of what job data hold or mean: workers of one fleet are not all replaced at once, and a job of another format is left to those
 * that know it.
 */
export const JOB_FORMAT = 2;

/** Whoever retries a run so often has another problem; the jobs of all rounds are looked for. */
export const MAX_ROUNDS = 1000;

const PATH = text(4096);
const COUNT = number(0, Number.MAX_SAFE_INTEGER);
/** The first digits of it name a folder. */
const DIGEST = textLike((digest) => /^[0-9a-f]{64}$/.test(digest), "SHA-256 digest");
const PROGRAM = text(64);
/** VMCOREINFO and rules are a few KiB; Redis is no place for much more. */
const TEXT = object({ name: PATH, text: text(1 << 18) });

/** What makes two jobs the same. */
const REQUEST = {
  inputs: list(PATH, 64),
  /** Of each input, as it was when the job was submitted. */
  identity: list(
    object({ size: COUNT, mtimeMs: number(0, Number.MAX_SAFE_INTEGER, false), etag: optional(text(256)) }),
    64,
  ),
  output: PATH,
  force: flag,
  level: number(0, MAX_LEVEL),
  format: oneOf("kdump", "elf"),
  codec: object({ name: oneOf(...CODEC_NAMES), level: optional(number(1, 19)) }),
  privacy: flag,
  privacyExtra: list(oneOf(...PRIVACY_EXTRAS), PRIVACY_EXTRAS.length),
  erase: optional(TEXT),
  strict: flag,
  /** What the input does not say of itself, in the words of the command line. */
  salvage: flag,
  raw: optional(text(4096)),
  arch: optional(text(64)),
  vmcoreinfo: optional(TEXT),
  vmcoreinfoAt: optional(COUNT),
  vmcoreinfoDevice: optional(text(32)),
  vmlinux: optional(PATH),
} as const;

const checkRequest = object(REQUEST);

const checkDump = object({
  version: number(JOB_FORMAT, JOB_FORMAT),
  /** The version of the program that submitted it. */
  program: PROGRAM,
  ...REQUEST,
  /** 0: as many as seem good. */
  shards: number(0, MAX_SHARDS),
  priority: number(0, 2 ** 21),
  /** Who submitted it, and when, in milliseconds since 1970. */
  submitted: object({ host: text(256), at: COUNT }),
  /** How often `jobs retry` was asked for. */
  round: number(0, MAX_ROUNDS),
  /** Pass 1 is done. */
  planned: optional(
    object({
      digest: DIGEST,
      shards: number(1, MAX_SHARDS),
      kept: COUNT,
      /** That for which shard jobs were made; -1: none yet. */
      round: number(-1, MAX_ROUNDS),
      program: PROGRAM,
    }),
  ),
});

const checkShard = object({
  version: number(JOB_FORMAT, JOB_FORMAT),
  /** The version of the program that planned it. */
  program: PROGRAM,
  /** The job of the dump. */
  dump: textLike(isRunId, "ID of a run"),
  index: number(0, MAX_SHARDS - 1),
  shards: number(1, MAX_SHARDS),
  pages: COUNT,
  digest: DIGEST,
});

/** What is to be made of which dump. */
export type DumpRequest = ReturnType<typeof checkRequest>;
/** The job of a dump. */
export type DumpJob = ReturnType<typeof checkDump>;
/** The job of one of its shards. */
export type ShardJob = ReturnType<typeof checkShard>;

/** A job of another program version: nothing is wrong with it, and a worker of that version can do it. */
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
    throw error instanceof DumpError ? new UnreadableJob(error) : error;
  }
}

export function newDumpJob(
  request: DumpRequest,
  by: { readonly shards: number; readonly priority: number; readonly host: string; readonly at: number },
): DumpJob {
  const { shards, priority, host, at } = by;
  const submitted = { host, at };
  return dumpJob({
    ...{ version: JOB_FORMAT, program: packageVersion() },
    ...request,
    ...{ shards, priority, submitted, round: 0 },
  });
}

export function newShardJob(job: Omit<ShardJob, "version" | "program">): ShardJob {
  return shardJob({ version: JOB_FORMAT, program: packageVersion(), ...job });
}

const FIRST = "abcdefghijklmnop";

/** The same for the same request, so that it runs once however often it is submitted. */
export function jobIdOf(request: DumpRequest): string {
  const fields = Object.keys(REQUEST).sort();
  const values = fields.map((name) => (request as Record<string, unknown>)[name] ?? null);
  const digest = createHash("sha256").update(JSON.stringify(values)).digest("hex").slice(0, 16);
  // BullMQ takes no number for an id, and some digests are all digits.
  return `${FIRST[Number.parseInt(digest.slice(0, 1), 16)]}${digest.slice(1)}`;
}

export function shardJobId(dump: string, round: number, index: number): string {
  return `${dump}-${round}-${index}`;
}
