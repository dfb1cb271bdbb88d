import type { AuditResult } from "../audit/audit-result.js";
import type { Secret } from "../audit/secrets.js";
import type { Codec, CodecName } from "../codec/codecs.js";
import type { EraseFile } from "../filter/erase/parse-rules.js";
import { PRIVACY_EXTRAS, PRIVACY_KEEPS, type PrivacyExtra, type PrivacyKeep } from "../filter/privacy/privacy-names.js";
import type { CompleteOptions } from "../kernel/complete-own.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import type { Manifest } from "../manifest/manifest.js";
import {
  aFileName,
  aFlag,
  aFunction,
  anObject,
  anyOf,
  aSignal,
  aText,
  eitherOf,
  hasMembers,
  listOf,
  maybe,
  type Shape,
  someBytes,
  suchThat,
  wholeNumber,
} from "../option-shape.js";
import { spoolOption } from "../reader/input-options.js";
import type { SpoolOptions } from "../reader/source/spool/spool-file.js";
import { aCodec } from "../run/check-values.js";
import type { FilterProgress, FilterResult } from "../run/filter-dump.js";
import type { FileOutput, StreamOutput } from "../run/filter-types.js";
import type { VerifyResult } from "../verify/verify-dump.js";
import { aWarnings, type Warnings } from "../warnings.js";
import { someWorkers, type WorkerThreads } from "../worker/threads.js";

/** Further files of a hand-over: names of files, or of objects of a store. A file without a name is not written. */
export interface HandOverFiles {
  /** The record of the run. */
  readonly manifest?: string;
  /** The audit's result, bound to the dump by its digest. */
  readonly audit?: string;
  /** The page for the person who decides: HTML. */
  readonly page?: string;
}

/** How to prepare a dump for handing it over, and where to write it. */
export interface HandOverOptions extends CompleteOptions {
  /** The dump appears there when it has passed all checks. A stream gets the dump itself, not its flattened form. */
  readonly output: Omit<FileOutput, "pack"> | Omit<StreamOutput, "pack" | "plain">;
  readonly files?: HandOverFiles;
  /** Seals the dump for these recipients of age (`age1…`): only they can open it. */
  readonly recipients?: readonly string[];
  /** The file of an Ed25519 private key (PEM, or ssh-keygen's) that signs the manifest and the audit's result. */
  readonly sign?: string;
  /** Byte strings that must not be in the dump. */
  readonly secrets?: readonly Secret[];
  /** Rules by which the kernel's data and texts in kept pages are overwritten; docs/erase.md describes them. */
  readonly erase?: EraseFile;
  /** Whether text and payload are removed from kept pages too, as in `FilterOptions.privacy`. Default: true. */
  readonly privacy?: true | "strict";
  /** Texts that "strict" keeps. */
  readonly privacyKeep?: readonly PrivacyKeep[];
  /** Data that are overwritten in addition to what privacy always overwrites. */
  readonly privacyExtra?: readonly PrivacyExtra[];
  /** Default: kdump. */
  readonly format?: "kdump" | "elf";
  /** As `FilterOptions.codec`. */
  readonly codec?: Codec | CodecName;
  /** Lets equal pages share one copy of their bytes in the file. For kdump only. */
  readonly dedupe?: boolean;
  /**
   * The temporary file of a dump that is not written to a plain file. Default: the folder of `output.path`, otherwise
   * the system's.
   */
  readonly spool?: SpoolOptions;
  /** Makes erase rules for all findings (`AuditResult.rules`). */
  readonly rules?: boolean;
  /** Number of worker threads to start for this run, or existing threads, which stay. Default: one per core. */
  readonly workers?: number | WorkerThreads;
  readonly warnings?: Warnings;
  /** Stops the run: it ends with an `ABORTED` error and leaves nothing behind. */
  readonly signal?: AbortSignal;
  /** Called now and then. */
  readonly onProgress?: (progress: HandOverProgress) => void;
}

/** Progress of a run, whose phases follow each other. */
export interface HandOverProgress {
  readonly phase: FilterProgress["phase"] | "audit" | "verify" | "compare" | "digest" | "send";
  /** Pages done in this phase, and the total. For digests and sending, bytes as pages of the dump's size. */
  readonly done: number;
  readonly total: number;
  /** Share of the whole run that is done, from 0 to 1; it never decreases. */
  readonly share: number;
}

/** The result of preparing a dump. */
export interface HandOverResult {
  /**
   * Whether all checks were passed; then the files exist. Otherwise none exists, and `audit` and `verified` have the
   * findings.
   */
  readonly handedOver: boolean;
  readonly filtered: FilterResult;
  readonly audit: AuditResult;
  readonly verified: VerifyResult;
  /** `undefined` if there were findings. */
  readonly manifest: Manifest | undefined;
  /** The names of all files that were written, the dump first; empty if there were findings. */
  readonly written: readonly string[];
}

const FILE = { path: aFileName, force: maybe(aFlag), sync: maybe(aFlag) };
const STREAM = {
  stream: suchThat((value) => hasMembers(value, ["write", "on"]), "a writable stream of Node"),
  name: maybe(aText),
};
const FILES: Shape<HandOverFiles> = {
  manifest: maybe(aFileName),
  audit: maybe(aFileName),
  page: maybe(aFileName),
};
const SECRET: Shape<Secret> = { line: wholeNumber(1), bytes: someBytes };

/** Checks the options of `handOver`. */
export const HAND_OVER: Shape<HandOverOptions> = {
  ...COMPLETE_SHAPE,
  output: eitherOf((value) => hasMembers(value, ["stream"]), anObject(STREAM), anObject(FILE)),
  files: maybe(anObject(FILES)),
  recipients: maybe(listOf(aText)),
  sign: maybe(aFileName),
  secrets: maybe(listOf(anObject(SECRET))),
  erase: maybe(anObject({ name: aText, text: aText })),
  privacy: maybe(anyOf(true, "strict")),
  privacyKeep: maybe(listOf(anyOf(...PRIVACY_KEEPS))),
  privacyExtra: maybe(listOf(anyOf(...PRIVACY_EXTRAS))),
  format: maybe(anyOf("kdump", "elf")),
  codec: maybe(aCodec),
  dedupe: maybe(aFlag),
  spool: spoolOption,
  rules: maybe(aFlag),
  workers: someWorkers,
  warnings: aWarnings,
  signal: maybe(aSignal),
  onProgress: maybe(aFunction),
};
