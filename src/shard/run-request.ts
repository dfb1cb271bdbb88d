import { createHash } from "node:crypto";
import { CODEC_NAMES } from "../codec/codecs.js";
import { MAX_LEVEL } from "../filter/policy.js";
import { PRIVACY_EXTRAS, PRIVACY_KEEPS } from "../filter/privacy/privacy-names.js";

import { flag, list, number, object, oneOf, optional, text, textLike } from "./check-data.js";

const PATH = text(4096);
const COUNT = number(0, Number.MAX_SAFE_INTEGER);
/** The digest of a plan: its first digits name a folder. */
export const DIGEST = textLike((digest) => /^[0-9a-f]{64}$/.test(digest), "a SHA-256 digest");
/** VMCOREINFO and rules have a few KiB; much larger texts should not be in Redis or a staging. */
const TEXT = object({ name: PATH, text: text(1 << 18) });

/** The form of a request: everything that makes two runs the same. */
export const RUN_REQUEST = {
  inputs: list(PATH, 64),
  /** Identities of the inputs when the run was requested. */
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
  privacyStrict: flag,
  privacyExtra: list(oneOf(...PRIVACY_EXTRAS), PRIVACY_EXTRAS.length),
  privacyKeep: list(oneOf(...PRIVACY_KEEPS), PRIVACY_KEEPS.length),
  erase: optional(TEXT),
  excludeUnusedVmemmap: flag,
  strict: flag,
  /** What the input does not say about itself, in the form of the command line. */
  salvage: flag,
  raw: optional(text(4096)),
  arch: optional(text(64)),
  vmcoreinfo: optional(TEXT),
  vmcoreinfoAt: optional(COUNT),
  vmcoreinfoDevice: optional(text(32)),
  vmlinux: optional(PATH),
} as const;

/** Throws `BAD_OPTION`. */
export const checkRequest = object(RUN_REQUEST);

/** What to make from which dump. */
export type DumpRequest = ReturnType<typeof checkRequest>;

const FIRST = "abcdefghijklmnop";

/**
 * The ID of a request: the same request has the same ID, so it runs once however often it is submitted. `place`: where
 * a run by commands has its staging, because two such runs may have the same request.
 */
export function runIdOf(request: DumpRequest, place?: string): string {
  const fields = Object.keys(RUN_REQUEST).sort();
  const values = fields.map((name) => (request as Record<string, unknown>)[name] ?? null);
  const all = place === undefined ? values : [...values, place];
  return idOfText(JSON.stringify(all));
}

/**
 * The ID of a run with a key from its submitter: the same for the same key. It differs from IDs of requests, because no
 * JSON of a request is such a text.
 */
export function runIdOfKey(key: string): string {
  return idOfText(`key ${key}`);
}

function idOfText(text: string): string {
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  // BullMQ does not accept a number as an ID, and some digests consist of digits only.
  return `${FIRST[Number.parseInt(digest.slice(0, 1), 16)]}${digest.slice(1)}`;
}
