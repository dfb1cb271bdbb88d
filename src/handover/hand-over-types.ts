import type { AuditResult } from "../audit/audit-result.js";
import type { Secret } from "../audit/secrets.js";
import type { CompleteOptions } from "../kernel/complete-own.js";
import { COMPLETE_SHAPE } from "../kernel/complete-shape.js";
import type { Manifest } from "../manifest/manifest.js";
import {
  aFileName,
  aFlag,
  aFunction,
  anObject,
  anyOf,
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
import { FILTER_SHAPE } from "../run/check-values.js";
import type { FilterProgress, FilterResult } from "../run/filter-dump.js";
import type { FileOutput, FilterOptions, StreamOutput } from "../run/filter-types.js";
import type { VerifyResult } from "../verify/verify-dump.js";

/** Further files of a hand-over: names of files, or of objects of a store. A file without a name is not written. */
export interface HandOverFiles {
  /** The record of the run. */
  readonly manifest?: string;
  /** The audit's result, bound to the dump by its digest. */
  readonly audit?: string;
  /** The page for the person who decides: HTML. */
  readonly page?: string;
}

/** Checks the options of the filter run that are the same here. */
const OF_FILTER = (({ erase, privacyKeep, privacyExtra, codec, dedupe, spool, workers, warnings, signal }) => ({
  ...{ erase, privacyKeep, privacyExtra, codec, dedupe, spool, workers, warnings, signal },
}))(FILTER_SHAPE);

/** How to prepare a dump for handing it over, and where to write it. */
export interface HandOverOptions extends CompleteOptions, Pick<FilterOptions, keyof typeof OF_FILTER> {
  /** The dump appears there when it has passed all checks. A stream gets the dump itself, not its flattened form. */
  readonly output: Omit<FileOutput, "pack"> | Omit<StreamOutput, "pack" | "plain">;
  readonly files?: HandOverFiles;
  /** Seals the dump for these recipients of age (`age1…`): only they can open it. */
  readonly recipients?: readonly string[];
  /** The file of an Ed25519 private key (PEM, or ssh-keygen's) that signs the manifest and the audit's result. */
  readonly sign?: string;
  /** Byte strings that must not be in the dump. */
  readonly secrets?: readonly Secret[];
  /** Whether text and payload are removed from kept pages too, as in `FilterOptions.privacy`. Default: true. */
  readonly privacy?: true | "strict";
  /** Default: kdump. */
  readonly format?: "kdump" | "elf";
  /** Makes erase rules for all findings (`AuditResult.rules`). */
  readonly rules?: boolean;
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
   * Whether all checks passed; then the files exist. Otherwise none exists, and `audit` and `verified` have the
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
  ...OF_FILTER,
  output: eitherOf((value) => hasMembers(value, ["stream"]), anObject(STREAM), anObject(FILE)),
  files: maybe(anObject(FILES)),
  recipients: maybe(listOf(aText)),
  sign: maybe(aFileName),
  secrets: maybe(listOf(anObject(SECRET))),
  privacy: maybe(anyOf(true, "strict")),
  format: maybe(anyOf("kdump", "elf")),
  rules: maybe(aFlag),
  onProgress: maybe(aFunction),
};
