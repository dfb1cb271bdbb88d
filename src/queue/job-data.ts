import { createHash } from "node:crypto";
import { CODEC_NAMES } from "../codec/codecs.js";
import { MAX_LEVEL } from "../filter/policy.js";
import { PRIVACY_EXTRAS } from "../filter/privacy/scrub.js";
import { MAX_SHARDS } from "../shard/shard-plan.js";
import { flag, list, number, object, oneOf, optional, text } from "./check-data.js";

/** Changes when job data mean something else. */
const VERSION = 1;

const PATH = text(4096);
const COUNT = number(0, Number.MAX_SAFE_INTEGER);
const DIGEST = text(64);
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
  version: number(VERSION, VERSION),
  ...REQUEST,
  /** 0: as many as seem good. */
  shards: number(0, MAX_SHARDS),
  priority: number(0, 2 ** 21),
  /** Who submitted it, and when, in milliseconds since 1970. */
  submitted: object({ host: text(256), at: COUNT }),
  /** How often `jobs retry` was asked for. */
  round: COUNT,
  /** Pass 1 is done. `round` is that for which shard jobs were made; -1: none yet. */
  planned: optional(
    object({ digest: DIGEST, shards: number(1, MAX_SHARDS), kept: COUNT, round: number(-1, Number.MAX_SAFE_INTEGER) }),
  ),
});

const checkShard = object({
  version: number(VERSION, VERSION),
  /** The job of the dump. */
  dump: text(64),
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

/** Throws `BAD_OPTION` for what is no job of this version. */
export function dumpJob(data: unknown): DumpJob {
  return checkDump(data, "dump");
}

/** Throws `BAD_OPTION` for what is no job of this version. */
export function shardJob(data: unknown): ShardJob {
  return checkShard(data, "shard");
}

export function newDumpJob(
  request: DumpRequest,
  { shards, priority, host }: { readonly shards: number; readonly priority: number; readonly host: string },
): DumpJob {
  const submitted = { host, at: Date.now() };
  return dumpJob({ version: VERSION, ...request, shards, priority, submitted, round: 0 });
}

export function newShardJob(job: Omit<ShardJob, "version">): ShardJob {
  return shardJob({ version: VERSION, ...job });
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
