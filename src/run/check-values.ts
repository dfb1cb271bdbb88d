import { CODEC_NAMES, type Codec, codecOf } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import type { EraseFile } from "../filter/erase/parse-rules.js";
import { MAX_LEVEL } from "../filter/policy.js";
import { PRIVACY_EXTRAS } from "../filter/privacy/scrub.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import {
  abortSignal,
  anything,
  type Check,
  callback,
  checkGiven,
  either,
  fileName,
  flag,
  hasMembers,
  listOf,
  most,
  object,
  oneOf,
  optional,
  type Shape,
  such,
  text,
  whole,
} from "../option-shape.js";
import { spoolOption } from "../reader/input-shape.js";
import { aWarnings } from "../warnings.js";
import type { ExtensionFile } from "../worker/extension/extension.js";
import { someWorkers } from "../worker/threads.js";
import type { FileOutput, FilterOptions, FilterOutput, SplitOutput, StreamOutput } from "./filter-types.js";

/** A dump level. */
export const aLevel = whole(0, MAX_LEVEL);

const CODEC: Shape<Codec> = { name: oneOf(...CODEC_NAMES), level: optional(whole(0)) };

/** A codec with its level. An unknown one would be a dump that is not compressed. */
export const aCodec: Check = (value, at) => {
  object(CODEC, "what codecOf gives")(value, at);
  const { name, level } = value as Codec;
  codecOf(name, level);
};

const PACK = optional(oneOf("zstd", "lz4", "gzip"));
const FILE: Shape<FileOutput> = { path: fileName, force: optional(flag), sync: optional(flag), pack: PACK };
const SPLIT: Shape<SplitOutput> = {
  paths: listOf(fileName, 2),
  force: optional(flag),
  sync: optional(flag),
  pack: PACK,
};
const STREAM: Shape<StreamOutput> = {
  stream: such((value) => hasMembers(value, ["write", "on"]), "a writable stream of Node"),
  name: optional(text),
  plain: optional(flag),
  pack: PACK,
};
const DISCARD: Shape<Extract<FilterOutput, { readonly discard: true }>> = { discard: oneOf(true), name: text };

const OUTPUTS = { path: object(FILE), paths: object(SPLIT), stream: object(STREAM), discard: object(DISCARD) };

/** Exactly one place: with two of them one would be passed over. */
const anOutput: Check = (value, at) => {
  const kinds = Object.entries(OUTPUTS).filter(([name]) => hasMembers(value, [name]));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    const how = kind === undefined ? "no place" : "several places";
    throw new DumpError("BAD_OPTION", `${at} names ${how} to write to`, {
      cure: `Give an object with one of ${Object.keys(OUTPUTS).join(", ")}`,
    });
  }
  kind[1](value, at);
};

const ERASE: Shape<EraseFile> = { name: text, text };
const EXTENSION: Shape<ExtensionFile> = {
  path: either((value) => value instanceof URL, anything, fileName),
  settings: anything,
};

const FILTER: Shape<FilterOptions> = {
  ...COMPLETE_SHAPE,
  output: anOutput,
  spool: spoolOption,
  level: aLevel,
  fallbackLevels: optional(listOf(aLevel)),
  sizeLimit: optional(most(1)),
  onFull: optional(oneOf("nothing", "incomplete")),
  privacy: optional(flag),
  privacyExtra: optional(listOf(oneOf(...PRIVACY_EXTRAS))),
  erase: optional(object(ERASE)),
  extension: optional(object(EXTENSION)),
  format: oneOf("kdump", "elf"),
  codec: aCodec,
  dedupe: optional(flag),
  workers: someWorkers,
  warnings: aWarnings,
  signal: optional(abortSignal),
  onProgress: optional(callback),
  observer: optional(such((value) => hasMembers(value, ["begin", "pages"]), "a RunObserver")),
};

/**
 * Refuses what TypeScript does not let through, for callers without it: an unknown codec would be a dump that is not compressed, an unknown
 * format an ELF dump. Nothing was read yet. Throws `BAD_OPTION`.
 */
export function checkValues(options: FilterOptions): void {
  checkGiven(options, FILTER);
}
