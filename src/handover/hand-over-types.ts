import type { AuditResult } from "../audit/audit-result.js";
import type { Secret } from "../audit/secrets.js";
import type { Codec, CodecName } from "../codec/codecs.js";
import type { EraseFile } from "../filter/erase/parse-rules.js";
import type { PrivacyExtra, PrivacyKeep } from "../filter/privacy/privacy-names.js";

import type { CompleteOptions } from "../kernel/complete-own.js";
import type { Manifest } from "../manifest/manifest.js";
import type { SpoolOptions } from "../reader/source/spool/spool-file.js";
import type { FilterProgress, FilterResult } from "../run/filter-dump.js";
import type { FileOutput, StreamOutput } from "../run/filter-types.js";
import type { VerifyResult } from "../verify/verify-dump.js";
import type { Warnings } from "../warnings.js";
import type { WorkerThreads } from "../worker/threads.js";

/** The files beside the dump: names of files, or of objects of a store. What has no name is not written. */
export interface HandOverFiles {
  /** The record of the run. */
  readonly manifest?: string;
  /** The audit's result, bound to the dump by its digest. */
  readonly audit?: string;
  /** The page for the person who decides: HTML. */
  readonly page?: string;
}

/** How a dump is made ready to be handed over, and where to. */
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
  /** Rules by which the kernel's data and texts in kept pages are overwritten: docs/erase.md has their form. */
  readonly erase?: EraseFile;
  /** Whether text and payload go out of the pages that stay, too: as `FilterOptions.privacy`. Default: true. */
  readonly privacy?: true | "strict";
  /** What stays with "strict" although it is text. */
  readonly privacyKeep?: readonly PrivacyKeep[];
  /** What is overwritten beyond what privacy does by itself. */
  readonly privacyExtra?: readonly PrivacyExtra[];
  /** Default: kdump. */
  readonly format?: "kdump" | "elf";
  /** As `FilterOptions.codec`. */
  readonly codec?: Codec | CodecName;
  /** Lets equal pages share one copy of their bytes in the file. For kdump only. */
  readonly dedupe?: boolean;
  /** The temporary file of a dump that goes elsewhere than into a plain file. Default: the folder of `output.path`, else the system's. */
  readonly spool?: SpoolOptions;
  /** Makes erase rules of all that is found (`AuditResult.rules`). */
  readonly rules?: boolean;
  /** Worker threads to start for this run, or threads that are there already and stay. Default: one per core. */
  readonly workers?: number | WorkerThreads;
  readonly warnings?: Warnings;
  /** Stops the run: it ends with an `ABORTED` error and leaves nothing behind. */
  readonly signal?: AbortSignal;
  /** Called now and then. */
  readonly onProgress?: (progress: HandOverProgress) => void;
}

/** How far a run is: the phases follow each other. */
export interface HandOverProgress {
  readonly phase: FilterProgress["phase"] | "audit" | "verify" | "compare" | "digest" | "send";
  /** Pages done and in all, of this phase; of digests and of what is sent bytes as pages of the dump's size. */
  readonly done: number;
  readonly total: number;
  /** Of the whole run, from 0 to 1: it never goes back. */
  readonly share: number;
}

/** A dump that was made ready, or why not. */
export interface HandOverResult {
  /** All checks were passed, and the files are there. Otherwise nothing is: `audit` and `verified` say what was found. */
  readonly handedOver: boolean;
  readonly filtered: FilterResult;
  readonly audit: AuditResult;
  readonly verified: VerifyResult;
  /** `undefined` if something was found. */
  readonly manifest: Manifest | undefined;
  /** The names of all that was written, the dump first; none if something was found. */
  readonly written: readonly string[];
}
