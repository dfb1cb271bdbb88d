import { CODEC_NAMES, type Codec, type CodecName, codecOf } from "../codec/codecs.js";
import { DumpError } from "../errors.js";
import type { EraseFile } from "../filter/erase/parse-rules.js";
import { MAX_LEVEL } from "../filter/policy.js";
import { PRIVACY_EXTRAS, PRIVACY_KEEPS } from "../filter/privacy/privacy-names.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import {
  aFileName,
  aFlag,
  aFunction,
  anObject,
  anyOf,
  anyValue,
  aSignal,
  aText,
  atMost,
  checkGiven,
  eitherOf,
  hasMembers,
  listOf,
  maybe,
  type OptionCheck,
  type Shape,
  suchThat,
  wholeNumber,
} from "../option-shape.js";
import { spoolOption } from "../reader/input-options.js";
import { aWarnings } from "../warnings.js";
import type { ExtensionFile } from "../worker/extension/extension.js";
import { someWorkers } from "../worker/threads.js";
import { OUTPUT_FORMATS, type OutputFormat, outputFormatFacts } from "../writer/output-format.js";
import type {
  FileOutput,
  FilterOptions,
  FilterOutput,
  SplitOutput,
  StreamOutput,
  WholeFilterOptions,
} from "./filter-types.js";

/** A dump level. */
export const aLevel = wholeNumber(0, MAX_LEVEL);

const CODEC: Shape<Codec> = { name: anyOf(...CODEC_NAMES), level: maybe(wholeNumber(0)) };

/** A codec with its level, or a name. An unknown name must be refused: the dump would not be compressed. */
export const aCodec: OptionCheck = (value, at) => {
  if (typeof value === "string") return anyOf(...CODEC_NAMES)(value, at);
  anObject(CODEC, "what codecOf gives")(value, at);
  const { name, level } = value as Codec;
  codecOf(name, level);
};

const PACK = maybe(anyOf("zstd", "lz4", "gzip"));
const FILE: Shape<FileOutput> = {
  path: aFileName,
  force: maybe(aFlag),
  sync: maybe(aFlag),
  pack: PACK,
  onNamed: maybe(aFunction),
};
const SPLIT: Shape<SplitOutput> = {
  paths: listOf(aFileName, 2),
  force: maybe(aFlag),
  sync: maybe(aFlag),
  pack: PACK,
};
const STREAM: Shape<StreamOutput> = {
  stream: suchThat((value) => hasMembers(value, ["write", "on"]), "a writable stream of Node"),
  name: maybe(aText),
  plain: maybe(aFlag),
  pack: PACK,
};
const DISCARD: Shape<Extract<FilterOutput, { readonly discard: true }>> = { discard: anyOf(true), name: aText };

const OUTPUTS = {
  ...{ path: anObject(FILE), paths: anObject(SPLIT), stream: anObject(STREAM), discard: anObject(DISCARD) },
  sink: anyValue,
};
/** The outputs that messages to callers of the library mention. */
const PUBLIC_OUTPUTS = Object.keys(OUTPUTS).filter((name) => name !== "sink");

/** Exactly one destination: with two of them one would be ignored. */
const anOutput: OptionCheck = (value, at) => {
  if (typeof value === "string") return aFileName(value, at);
  const kinds = Object.entries(OUTPUTS).filter(([name]) => hasMembers(value, [name]));
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    const how = kind === undefined ? "no place" : "several places";
    throw new DumpError("BAD_OPTION", `${at} names ${how} to write to`, {
      cure: `Give a file name, or an object with exactly one of ${PUBLIC_OUTPUTS.join(", ")}`,
    });
  }
  kind[1](value, at);
};

const ERASE: Shape<EraseFile> = { name: aText, text: aText };
const EXTENSION: Shape<ExtensionFile> = {
  path: eitherOf((value) => value instanceof URL, anyValue, aFileName),
  settings: anyValue,
};

/** Checks the options of a filter run, one by one. */
export const FILTER_SHAPE: Shape<FilterOptions> = {
  ...COMPLETE_SHAPE,
  output: anOutput,
  spool: spoolOption,
  level: maybe(aLevel),
  fallbackLevels: maybe(listOf(aLevel)),
  sizeLimit: maybe(atMost(1)),
  onFull: maybe(anyOf("nothing", "incomplete")),
  privacy: maybe(anyOf(true, false, "strict")),
  privacyExtra: maybe(listOf(anyOf(...PRIVACY_EXTRAS))),
  privacyKeep: maybe(listOf(anyOf(...PRIVACY_KEEPS))),
  erase: maybe(anObject(ERASE)),
  extension: maybe(anObject(EXTENSION)),
  format: maybe(anyOf(...OUTPUT_FORMATS)),
  codec: maybe(aCodec),
  dedupe: maybe(aFlag),
  excludeUnusedVmemmap: maybe(aFlag),
  workers: someWorkers,
  warnings: aWarnings,
  signal: maybe(aSignal),
  onProgress: maybe(aFunction),
  observer: maybe(suchThat((value) => hasMembers(value, ["begin", "pages"]), "a RunObserver")),
};

/**
 * Checks the types of options for callers without TypeScript: an unknown codec would give a dump that is not
 * compressed, an unknown format an ELF dump. Runs before anything is read. Throws `BAD_OPTION`.
 */
export function checkValues(options: FilterOptions): void {
  checkGiven(options, FILTER_SHAPE);
}

/**
 * The chosen codec. The default is zlib if the format compresses pages and the file is not packed as a whole. Throws
 * `BAD_OPTION` for an unknown name.
 */
export function codecFor(format: OutputFormat, codec: Codec | CodecName | undefined, packed = false): Codec {
  const given = codec ?? (outputFormatFacts(format).packsPages && !packed ? "zlib" : "none");
  return typeof given === "string" ? codecOf(given) : given;
}

/** Fills in the command line's defaults: level 31 and kdump, with zlib if the file is not packed. */
export function wholeFilterOptions(options: FilterOptions): WholeFilterOptions {
  const { level = MAX_LEVEL, format = "kdump" } = options;
  const output = typeof options.output === "string" ? { path: options.output } : options.output;
  const packed = "pack" in output && output.pack !== undefined;
  return { ...options, output, level, format, codec: codecFor(format, options.codec, packed) };
}
